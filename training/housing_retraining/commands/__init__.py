"""`housing retrain`: the command line."""
