"""Liveness of a process: how long it has been silent."""

import time
from collections.abc import Callable

_STARTING_SECONDS = 120.0
"""Limit for the first sign of life: a process has libraries to import, perhaps from a slow disk."""

_LONGEST_PAUSE_SECONDS = 2.0
"""The most time that counts between two checks: if more has passed, the supervisor itself was stopped or starved, and
could not receive. So neither a suspended machine nor a debugger on the supervisor gets a process killed."""


class Liveness:
    """Measures the silence of one process, while the supervisor was able to receive.

    The clock is monotonic: it stands still while the machine is suspended, and cannot be set.
    """

    def __init__(self, limit_seconds: float, now: Callable[[], float] = time.monotonic) -> None:
        """Start to measure.

        Args:
            limit_seconds: how long a process may be silent after its first sign; 0 for no limit.
            now: returns seconds.
        """
        self._limit = limit_seconds
        self._now = now
        self._checked = now()
        self._silence = 0.0
        self._started = False

    @property
    def pause_seconds(self) -> float:
        """Time between two checks, short enough for several within the limit."""
        return min(1.0, self._limit / 4) if self._limit else 1.0

    def sign(self) -> None:
        """Record a sign of life."""
        self._started, self._silence = True, 0.0

    def lost(self) -> bool:
        """Add the time since the last check; return whether the silence exceeds the limit."""
        now = self._now()
        self._silence += min(now - self._checked, _LONGEST_PAUSE_SECONDS)
        self._checked = now
        limit = self._limit if self._started else max(self._limit, _STARTING_SECONDS)
        return bool(self._limit) and self._silence > limit
