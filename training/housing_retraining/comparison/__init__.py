"""A candidate beside the champion: both on the same rows, which neither has learnt from, and the gates to pass."""
