"""Holding the lease while a retraining runs."""

import threading
import time
from collections.abc import Callable
from types import TracebackType
from typing import Protocol, Self

from housing_server.errors import PredictionLogUnavailable


class Renewable(Protocol):
    """A lease, as far as it is held on to."""

    def renew(self) -> bool:
        """Hold it for as long again; return False when another process has got it since."""


class Heartbeat:
    """Renews a lease on a thread of its own: `with Heartbeat(...)`."""

    def __init__(self, lease: Renewable, *, seconds: float, on_lost: Callable[[], object]) -> None:
        """Begin nothing yet.

        Args:
            lease: what is renewed, three times in its life.
            seconds: how long it is held without being renewed.
            on_lost: called, once, when another process has it, or nobody may know for longer than it is held.
        """
        self._lease, self._seconds, self._on_lost = lease, seconds, on_lost
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._beat, name="lease", daemon=True)
        self.lost = False

    def _beat(self) -> None:
        renewed = time.monotonic()
        while not self._ended.wait(self._seconds / 3):
            try:
                held = self._lease.renew()
            except PredictionLogUnavailable:
                held = time.monotonic() - renewed < self._seconds
            else:
                renewed = time.monotonic() if held else renewed
            if not held:
                self.lost = True
                self._on_lost()
                return

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ended.set()
        self._thread.join()
