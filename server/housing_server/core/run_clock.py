"""How long the runs of models have been under way: one that never returns would keep a thread for good, unnoticed."""

import itertools
import time
from collections.abc import Callable
from typing import TypeVar

_Argument = TypeVar("_Argument")
_Result = TypeVar("_Result")


class RunClock:
    """Times what is under way; from any thread."""

    def __init__(self, limit_seconds: float = 0, clock: Callable[[], float] = time.monotonic) -> None:
        """Begin with nothing under way.

        Args:
            limit_seconds: how long anything may take before it counts as stuck; 0 for ever.
            clock: seconds; one that stands still while the machine is suspended.
        """
        self._limit = limit_seconds
        self._clock = clock
        self._began: dict[int, float] = {}
        self._numbers = itertools.count()

    def run(self, function: Callable[[_Argument], _Result], argument: _Argument) -> _Result:
        """Call a function, which is under way until it returns or raises."""
        number = next(self._numbers)
        self._began[number] = self._clock()
        try:
            return function(argument)
        finally:
            del self._began[number]

    def oldest_seconds(self) -> float:
        """Return for how long the oldest function has been under way; 0 when there is none."""
        now = self._clock()
        return now - min(list(self._began.values()), default=now)

    @property
    def stuck(self) -> bool:
        """Whether a function has been under way for longer than any may be."""
        return bool(self._limit) and self.oldest_seconds() > self._limit
