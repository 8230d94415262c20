"""Carrying retrainings out: one at a time, in a directory of its own, each step on record."""
