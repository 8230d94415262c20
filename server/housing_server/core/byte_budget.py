"""A bound on the bytes of responses that wait to be sent, so that callers that do not read cannot exhaust memory."""

from housing_server.errors import Overloaded

UNSENT_BYTES = 64 << 20
"""How many bytes of large responses a process buffers for callers that do not read: fifty of the largest batches. The
transport takes two to three times as much memory to carry them."""

HELD_FROM = 16 << 10
"""Smaller responses do not count against the budget: the limit on concurrent streams bounds them."""

_RETRY_SECONDS = 1.0
"""Suggested retry delay; responses are sent as fast as their callers read."""


class ByteBudget:
    """Counts the bytes of responses that have not been sent; used on the event loop only."""

    def __init__(self, limit: int) -> None:
        """Allow `limit` bytes."""
        self._limit = limit
        self.held = 0
        """The bytes waiting to be sent."""

    def check(self) -> None:
        """Raise if the budget is used up.

        Raises:
            Overloaded: the budget is used up.
        """
        if self.held >= self._limit:
            raise Overloaded(_RETRY_SECONDS)

    def hold(self, size: int) -> None:
        """Count a response that is about to be sent; a single one fits whatever its size.

        Raises:
            Overloaded: the response does not fit.
        """
        if self.held and self.held + size > self._limit:
            raise Overloaded(_RETRY_SECONDS)
        self.held += size

    def release(self, size: int) -> None:
        """Release the bytes of a response that was sent or abandoned."""
        self.held -= size
