"""The time that runs of models have been in flight, so that one that never returns is noticed: it holds a thread."""

import itertools
import time
from collections.abc import Callable
from typing import TypeVar

_Argument = TypeVar("_Argument")
_Result = TypeVar("_Result")


class RunClock:
    """Times functions in flight; from any thread."""

    def __init__(self, limit_seconds: float = 0, clock: Callable[[], float] = time.monotonic) -> None:
        """Start with nothing in flight.

        Args:
            limit_seconds: run time beyond which a function counts as stuck; 0 for no limit.
            clock: returns seconds; it must stand still while the machine is suspended.
        """
        self._limit = limit_seconds
        self._clock = clock
        self._began: dict[int, float] = {}
        self._numbers = itertools.count()

    def run(self, function: Callable[[_Argument], _Result], argument: _Argument) -> _Result:
        """Call a function and return its result; it is in flight meanwhile."""
        number = next(self._numbers)
        self._began[number] = self._clock()
        try:
            return function(argument)
        finally:
            del self._began[number]

    def oldest_seconds(self) -> float:
        """Return how long the oldest function has been in flight; 0 when there is none."""
        now = self._clock()
        return now - min(list(self._began.values()), default=now)

    @property
    def stuck(self) -> bool:
        """Whether a function has exceeded the limit."""
        return bool(self._limit) and self.oldest_seconds() > self._limit
