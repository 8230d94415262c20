"""One check of the service: its new predictions, their drift from training, and its live errors."""

import time
from collections.abc import Callable, Sequence

from housing.v1.model_profile_pb2 import ExpectedErrors
from housing_monitoring.comparison import pair_up
from housing_monitoring.estimated_error import EstimateCheck, check_estimate, estimate_error
from housing_monitoring.places import count_places
from housing_monitoring.results import LiveQuality, Results
from housing_monitoring.service import ServedModel, WatchedService
from housing_monitoring.window import Window

_CHECKED_ROWS = 5000
"""The most predictions with true prices to compare the estimate with: the newest."""


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
        self._checked: tuple[LiveQuality, EstimateCheck | None] | None = None

    async def check(self) -> Results:
        """Check the service once.

        Raises:
            ServiceFailed: the service is not available.
            ForeignProfile: its model's profile belongs to another contract.
        """
        model = await self._service.model()
        await self._window.refresh(self._service.newest_first, self._now())
        compared = pair_up(model, self._window)
        live = tuple(await self._service.live_quality(model.name))
        expected, version = _expected_errors(model), model.training.model_version
        return Results(
            looked_at=self._now(),
            window_rows=len(self._window),
            drift=tuple(each.drift() for each in compared if each.given() >= self._minimum_rows),
            missing={each.distribution.name: each.missing_ratio() for each in compared if each.values},
            places=count_places(self._window),
            live=live,
            training=model.training,
            estimated=estimate_error(expected, version, self._window) if expected else None,
            estimate_check=await self._check_estimate(expected, version, live) if expected else None,
        )

    async def _check_estimate(
        self, expected: ExpectedErrors, version: str, live: Sequence[LiveQuality]
    ) -> EstimateCheck | None:
        """Compare the estimate with the errors of the served version; the log is read only when these have changed."""
        served = next((each for each in live if each.model_version == version), None)
        if served is None:
            return None
        if self._checked is None or self._checked[0] != served:
            predictions = await self._service.with_outcomes(version, _CHECKED_ROWS)
            self._checked = served, check_estimate(expected, version, predictions)
        return self._checked[1]


def _expected_errors(model: ServedModel) -> ExpectedErrors | None:
    """Return what training has measured; None for a model without intervals, or one of an earlier release."""
    if model.profile is None or not model.profile.HasField("expected_errors"):
        return None
    return model.profile.expected_errors
