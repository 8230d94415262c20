"""The lease to change the champion: one process makes one change at a time, whichever way it was asked to."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from housing_server.errors import ModelRegistryUnavailable
from housing_server.prediction_log.retraining_lease import CHAMPION, Lease, this_process
from housing_server.prediction_log.store import PredictionStore

_LEASE_SECONDS = 60.0
"""A change takes less, or its process has been stopped in the middle."""
_PATIENCE_SECONDS = 15.0
_LOOK_SECONDS = 0.05


class ChampionLease:
    """This process's claim to the lease; one thread may hold it at a time."""

    def __init__(
        self, store: PredictionStore, *, holder: str = "", clock: Callable[[], float] = time.monotonic
    ) -> None:
        """Claim nothing yet.

        Args:
            store: where the lease is.
            holder: who claims it; by default this process.
            clock: returns the time, in seconds from any moment.
        """
        self._lease = Lease(store, holder or this_process(), seconds=_LEASE_SECONDS, row=CHAMPION)
        self._clock = clock

    @contextmanager
    def held(self) -> Iterator[None]:
        """Wait for the lease, and hold it until the end of the block.

        Raises:
            ModelRegistryUnavailable: another process has held it for too long.
            PredictionLogUnavailable: the store does not respond.
        """
        deadline = self._clock() + _PATIENCE_SECONDS
        while not self._lease.acquire():
            if self._clock() > deadline:
                raise ModelRegistryUnavailable("another process is changing the champion")
            time.sleep(_LOOK_SECONDS)
        with self._lease:
            yield
