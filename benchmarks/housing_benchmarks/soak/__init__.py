"""The soak: a bounded, mixed load for minutes, and the growth of processes under it."""
