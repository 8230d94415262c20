"""Two servers to compare the service with, in the same transport: one that does nothing, and one that only predicts."""
