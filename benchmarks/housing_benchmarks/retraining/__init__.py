"""What callers notice of a retraining beside the service, and of its shadow."""
