"""The contract: messages and services of `housing.v1`, and what their descriptors say."""
