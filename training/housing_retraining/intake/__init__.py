"""Dropped files: waited for until complete, read in bounded memory, checked, and moved with a report."""
