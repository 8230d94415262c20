"""Messages between the supervisor and its processes, and the socket they travel on."""
