"""Waiting for what triggers a retraining."""
