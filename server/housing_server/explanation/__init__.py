"""Explanations of prices: the contribution of each field of a block group to its price."""
