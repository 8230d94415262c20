"""The soak: a bounded, mixed load for minutes, and whether any process grows under it."""
