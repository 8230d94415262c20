"""What asks for a retraining by itself."""
