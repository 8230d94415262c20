"""Resolves the model version to serve, and keeps its files on disk."""
