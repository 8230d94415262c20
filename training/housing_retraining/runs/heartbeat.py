"""Holding the lease while a retraining runs."""

import time
from collections.abc import Callable
from typing import Protocol

from housing_retraining.repeating import Repeating
from housing_server.errors import PredictionLogUnavailable


class Renewable(Protocol):
    """A lease, as far as it is held on to."""

    def renew(self) -> bool:
        """Hold it for as long again; return False when another process has acquired it since."""


class Heartbeat(Repeating):
    """Renews a lease: `with Heartbeat(...)`."""

    def __init__(self, lease: Renewable, *, seconds: float, on_lost: Callable[[], object]) -> None:
        """Renew nothing yet.

        Args:
            lease: the lease, renewed three times in its life.
            seconds: how long it is held without being renewed.
            on_lost: called, once, when another process has it, or the store has not responded for as long.
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
