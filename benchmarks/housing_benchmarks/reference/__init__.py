"""Two servers to compare the service with, on the same transport: one does nothing, the other only predicts."""
