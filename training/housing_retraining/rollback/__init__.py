"""Rolling a promotion back automatically when live answers got worse with it."""
