"""The programs that the supervisor starts; each is a composition root."""
