"""The drain gate: counts the calls in flight, and closes when the service stops."""

import asyncio


class DrainGate:
    """Counts the calls in flight; used on the event loop only."""

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
        """Count a call that has ended."""
        self._in_flight -= 1
        if self._in_flight == 0:
            self._idle.set()

    async def close(self, seconds: float) -> None:
        """Close the gate to new calls, and wait up to `seconds` for those in flight to end."""
        self.open = False
        try:
            await asyncio.wait_for(self._idle.wait(), seconds)
        except TimeoutError:
            return  # the grace period is over: the remaining calls are abandoned
