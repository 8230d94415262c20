"""The operating system: sockets, child processes, limits and memory."""
