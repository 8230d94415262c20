"""Which version of the model to serve, and its files on this disk."""
