"""How many bytes of answers may wait to be sent: a caller that does not read must not fill the memory."""

from housing_server.errors import Overloaded

UNSENT_BYTES = 64 << 20
"""How many bytes of large answers a process holds for callers that do not read: fifty of the largest batches. What
carries them takes two to three times as much memory."""

HELD_FROM = 16 << 10
"""Smaller answers do not count against the budget: a connection's calls bound them well enough."""

_RETRY_SECONDS = 1.0
"""When it is worth trying again: answers leave as fast as their callers read."""


class ByteBudget:
    """Counts the bytes of answers that have not been sent; used on the event loop alone."""

    def __init__(self, limit: int) -> None:
        """Allow `limit` bytes."""
        self._limit = limit
        self.held = 0
        """The bytes that wait to be sent."""

    def check(self) -> None:
        """Raise if nothing more fits.

        Raises:
            Overloaded: the budget is used up.
        """
        if self.held >= self._limit:
            raise Overloaded(_RETRY_SECONDS)

    def hold(self, size: int) -> None:
        """Count an answer that is about to be sent; one answer fits whatever its size.

        Raises:
            Overloaded: it does not fit.
        """
        if self.held and self.held + size > self._limit:
            raise Overloaded(_RETRY_SECONDS)
        self.held += size

    def release(self, size: int) -> None:
        """Count it as sent, or as given up."""
        self.held -= size
