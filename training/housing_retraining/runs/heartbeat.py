"""Renewing the lease while a retraining runs."""

import time
from collections.abc import Callable
from typing import Protocol

from housing_retraining.repeating import Repeating
from housing_server.errors import PredictionLogUnavailable


class Renewable(Protocol):
    """A lease that can be renewed."""

    def renew(self) -> bool:
        """Renew it; return False when another process has acquired it since."""


class Heartbeat(Repeating):
    """Renews a lease: `with Heartbeat(...)`."""

    def __init__(self, lease: Renewable, *, seconds: float, on_lost: Callable[[], object]) -> None:
        """Create it; nothing is renewed yet.

        Args:
            lease: the lease, renewed three times in its duration.
            seconds: its duration.
            on_lost: called once when another process holds it, or the store has not responded for that long.
        """
        super().__init__(self._beat, seconds=seconds / 3, name="lease")
        self._lease, self._length, self._on_lost = lease, seconds, on_lost
        self._renewed = time.monotonic()
        self.lost = False

    def _beat(self) -> bool:
        try:
            held = self._lease.renew()
        except PredictionLogUnavailable:
            held = time.monotonic() - self._renewed < self._length
        else:
            self._renewed = time.monotonic() if held else self._renewed
        if not held:
            self.lost = True
            self._on_lost()
        return held
