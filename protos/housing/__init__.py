"""The contract: messages and services of `housing.v1`, and what is derived from their descriptors."""
