"""The prediction log: its store, its journals, and the services that read it."""
