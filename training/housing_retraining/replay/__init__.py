"""Logged requests asked again of another version, and how its answers differ: for people, gates and shadows."""
