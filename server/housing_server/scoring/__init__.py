"""Scoring of files of any size with the registered model, on this machine and without a service."""
