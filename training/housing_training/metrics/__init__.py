"""Figures of how good prices and intervals are; nothing here depends on a model."""
