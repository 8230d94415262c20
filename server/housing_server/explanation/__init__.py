"""Explaining prices: what each field of a block group adds to its price."""
