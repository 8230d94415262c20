"""The pipeline's results in MLflow, and the local store that they are in."""
