"""The gate that every call passes: it knows how many are in flight, and closes when the service stops."""

import asyncio


class Gate:
    """Counts the calls in flight; used on the event loop alone."""

    def __init__(self) -> None:
        self.open = True
        """Whether new calls may begin."""
        self._in_flight = 0
        self._idle = asyncio.Event()
        self._idle.set()

    def enter(self) -> None:
        """Count a call that has begun."""
        self._in_flight += 1
        self._idle.clear()

    def leave(self) -> None:
        """Count it as ended."""
        self._in_flight -= 1
        if self._in_flight == 0:
            self._idle.set()

    async def close(self, seconds: float) -> None:
        """Let no new call begin, and wait at most so long until those in flight have ended."""
        self.open = False
        try:
            await asyncio.wait_for(self._idle.wait(), seconds)
        except TimeoutError:
            return  # the calls that still run had their time
