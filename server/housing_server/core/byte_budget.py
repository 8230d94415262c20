"""A bound on the bytes of responses that wait to be sent, so that callers that do not read cannot exhaust memory."""

from collections import Counter

from housing_server.errors import Overloaded

UNSENT_BYTES = 64 << 20
"""How many bytes of large responses a process buffers for callers that do not read: fifty of the largest batches. The
transport takes two to three times as much memory to carry them."""

PEER_SHARE = 0.25
"""The share of it that one connection may take, so that a caller that does not read leaves room for others."""

HELD_FROM = 16 << 10
"""Smaller responses do not count against the budget: the limit on concurrent streams bounds them."""

_RETRY_SECONDS = 1.0
"""Suggested retry delay; responses are sent as fast as their callers read."""


class ByteBudget:
    """Counts the bytes of responses that have not been sent, by connection; used on the event loop only.

    A connection is identified by the address of its peer. The gateway's connections are no exception: it opens several,
    and reads ahead of its own callers.
    """

    def __init__(self, limit: int, *, peer_share: float = PEER_SHARE) -> None:
        """Create a budget with nothing held.

        Args:
            limit: the most bytes in all.
            peer_share: the share of it that one connection may take, from 0 to 1.
        """
        self._limit = limit
        self._peer_limit = int(limit * peer_share)
        self._held: Counter[str] = Counter()
        self.held = 0
        """The bytes waiting to be sent."""

    def check(self, peer: str) -> None:
        """Raise if nothing more fits for a connection.

        Raises:
            Overloaded: the budget, or the connection's share of it, is used up.
        """
        if self.held >= self._limit or self._held[peer] >= self._peer_limit:
            raise Overloaded(_RETRY_SECONDS)

    def hold(self, peer: str, size: int) -> None:
        """Count a response that is about to be sent; the first of a connection may be larger than the share.

        Raises:
            Overloaded: the response does not fit.
        """
        if _exceeds(self.held, size, self._limit) or _exceeds(self._held[peer], size, self._peer_limit):
            raise Overloaded(_RETRY_SECONDS)
        self.held += size
        self._held[peer] += size

    def release(self, peer: str, size: int) -> None:
        """Release the bytes of a response that was sent or abandoned."""
        self.held -= size
        self._held[peer] -= size
        if not self._held[peer]:
            del self._held[peer]


def _exceeds(held: int, size: int, limit: int) -> bool:
    return held > 0 and held + size > limit
