"""Logs, metrics and traces of calls and runs; independent of the transport."""
