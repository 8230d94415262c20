"""For how long a process has given no sign of life."""

import time
from collections.abc import Callable

_STARTING_SECONDS = 120.0
"""How long a process may take to give its first sign: it has libraries to import, perhaps from a slow disk."""

_LONGEST_PAUSE_SECONDS = 2.0
"""Time between two checks that counts at most: what is more, the supervisor itself was stopped or starved, and could
not have listened. So a suspended machine, or a debugger on the supervisor, costs no process its life."""


class Liveness:
    """Measures the silence of one process, as far as there was somebody to listen.

    The clock is monotonic: it stands still while the machine is suspended, and nobody sets it.
    """

    def __init__(self, limit_seconds: float, now: Callable[[], float] = time.monotonic) -> None:
        """Begin to measure.

        Args:
            limit_seconds: how long a process that has given a sign may be silent; 0 for ever.
            now: the time, in seconds.
        """
        self._limit = limit_seconds
        self._now = now
        self._checked = now()
        self._silence = 0.0
        self._started = False

    @property
    def pause_seconds(self) -> float:
        """How long to wait between two checks: short enough to see several within the limit."""
        return min(1.0, self._limit / 4) if self._limit else 1.0

    def sign(self) -> None:
        """Record a sign of life."""
        self._started, self._silence = True, 0.0

    def lost(self) -> bool:
        """Count the time since the last check; return whether the process has been silent for longer than it may."""
        now = self._now()
        self._silence += min(now - self._checked, _LONGEST_PAUSE_SECONDS)
        self._checked = now
        limit = self._limit if self._started else max(self._limit, _STARTING_SECONDS)
        return bool(self._limit) and self._silence > limit
