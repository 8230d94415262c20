"""One check of the service: its new predictions, their drift from training, and its live errors."""

import time
from collections.abc import Callable

from housing_monitoring.comparison import pair_up
from housing_monitoring.places import count_places
from housing_monitoring.results import Results
from housing_monitoring.service import WatchedService
from housing_monitoring.window import Window


class Inspector:
    """Checks one service."""

    def __init__(
        self, service: WatchedService, window: Window, *, minimum_rows: int, now: Callable[[], float] = time.time
    ) -> None:
        """Start with an empty window.

        Args:
            service: the service.
            window: the predictions to compare.
            minimum_rows: minimum number of values for a field to be compared.
            now: returns seconds since the epoch.
        """
        self._service = service
        self._window = window
        self._minimum_rows = minimum_rows
        self._now = now

    async def check(self) -> Results:
        """Check the service once.

        Raises:
            ServiceFailed: the service is not available.
            ForeignProfile: its model's profile belongs to another contract.
        """
        model = await self._service.model()
        await self._window.refresh(self._service.newest_first, self._now())
        compared = pair_up(model, self._window)
        return Results(
            looked_at=self._now(),
            window_rows=len(self._window),
            drift=tuple(each.drift() for each in compared if each.given() >= self._minimum_rows),
            missing={each.distribution.name: each.missing_ratio() for each in compared if each.values},
            places=count_places(self._window),
            live=tuple(await self._service.live_quality(model.name)),
            training=model.training,
        )
