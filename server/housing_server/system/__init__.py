"""Sockets, child processes and memory of the operating system."""
