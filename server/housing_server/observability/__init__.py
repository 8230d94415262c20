"""Logs, metrics and traces of calls and runs; knows no transport."""
