"""The commands that come with the client, one a module."""
