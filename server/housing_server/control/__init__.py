"""Messages between the supervisor and its child processes, and the socket that carries them."""
