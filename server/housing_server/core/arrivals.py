"""Calls that are about to bring rows: what a transport knows before their requests are read."""


class Arrivals:
    """Counts calls that have begun and whose request has not been read yet; used on the event loop only."""

    __slots__ = ("_round", "announced", "pending")

    def __init__(self) -> None:
        self.pending = 0
        """Calls whose request is expected at any moment."""
        self.announced = False
        """Whether the transport announces calls at all."""
        self._round = 0

    def announce(self) -> int:
        """Count a call that has begun; return what to settle it with."""
        self.announced = True
        self.pending += 1
        return self._round

    def settle(self, announced: int) -> None:
        """Count a call no longer: its request has been read, or will not be."""
        if announced == self._round:
            self.pending -= 1

    def give_up(self) -> None:
        """Expect nothing of the calls announced so far: their callers send slowly, and nobody should wait for them."""
        self.pending = 0
        self._round += 1
