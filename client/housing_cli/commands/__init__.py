"""The commands of the client's distribution, one per module."""
