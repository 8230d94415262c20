"""Taking a promotion back by itself when live answers got worse with it."""
