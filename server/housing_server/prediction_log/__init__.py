"""The record of every answer: its store, and the services that read it."""
