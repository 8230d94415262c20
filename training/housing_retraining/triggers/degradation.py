"""The trigger *degradation*: live answers are worse than in training, or the requests have drifted."""

import asyncio
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from housing_client import AsyncPredictionClient
from housing_monitoring.errors import MonitoringError
from housing_monitoring.grpc_service import DEADLINES, ONCE, GrpcService
from housing_monitoring.inspection import Inspector
from housing_monitoring.results import LiveQuality, Results, TrainingQuality
from housing_monitoring.window import Window
from housing_retraining.triggers.trigger import Fired
from housing_server.prediction_log.retrainings import Trigger

_WINDOW_ROWS = 5000
_WINDOW_SECONDS = 86_400.0
_MINIMUM_ROWS = 500
"""The window of compared predictions and its minimum: the monitor's defaults."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tolerance:
    """Limits of normal operation."""

    error_factor: float
    """How many times the RMSE of training the live one must be."""
    coverage_shortfall: float
    """By how much the live coverage of the intervals must be below that of training."""
    drift_psi: float
    """How far a field, or the answers, must have drifted, as a population stability index."""
    minimum_outcomes: int
    """With fewer outcomes of the served version, live answers are not judged."""
    estimated_error_factor: float = 0.0
    """How many times the RMSE of training the one that is estimated without true prices must be; 0 to ignore it."""


class Degradation:
    """Inspects a service as a client."""

    kind: Trigger = "degradation"

    def __init__(self, inspect: Callable[[], Results], tolerance: Tolerance, *, cooldown_seconds: float) -> None:
        """Create it; nothing is inspected yet.

        Args:
            inspect: inspects the service; raises MonitoringError when it is unavailable.
            tolerance: limits of normal operation.
            cooldown_seconds: how long after a request it requests nothing.
        """
        self.cooldown_seconds = cooldown_seconds
        self._inspect, self._tolerance = inspect, tolerance

    def look(self) -> Fired | None:
        """Inspect once; None also if the service is unavailable."""
        try:
            results = self._inspect()
        except MonitoringError:
            return None
        return judge(results, self._tolerance)


def judge(results: Results, tolerance: Tolerance) -> Fired | None:
    """Return the reason to retrain; None without one."""
    reasons = list(_estimate(results, tolerance))
    served = [live for live in results.live if live.model_version == results.training.model_version]
    if any(live.outcomes >= tolerance.minimum_outcomes for live in served):
        # Without outcomes, requests about places other than those trained on are no reason by themselves.
        reasons += [*_quality(served, results.training, tolerance), *_drift(results, tolerance)]
    if not reasons:
        return None
    figures = {name: value for _, values in reasons for name, value in values.items()}
    figures["model_version"] = results.training.model_version
    return Fired(reason="; ".join(reason for reason, _ in reasons), figures=figures)


def inspect_service(target: str) -> Callable[[], Results]:
    """Return a function that inspects the service at an address; each call continues where the last one ended."""
    window = Window(rows=_WINDOW_ROWS, seconds=_WINDOW_SECONDS)

    async def look() -> Results:
        async with AsyncPredictionClient(target, deadlines=DEADLINES, retries=ONCE) as client:
            return await Inspector(GrpcService(client), window, minimum_rows=_MINIMUM_ROWS).check()

    return lambda: asyncio.run(look())


_Reason = tuple[str, dict[str, object]]


def _quality(served: Sequence[LiveQuality], training: TrainingQuality, tolerance: Tolerance) -> Iterator[_Reason]:
    for live in served:
        yield from _error(live, training.root_mean_squared_error, tolerance)
        yield from _coverage(live, training.interval_coverage, tolerance)


def _error(live: LiveQuality, training: float | None, tolerance: Tolerance) -> Iterator[_Reason]:
    rmse = live.root_mean_squared_error
    if training is not None and rmse >= tolerance.error_factor * training:
        reason = f"the live RMSE is {rmse:,.0f} USD, {rmse / training:.2f} times that of training"
        yield reason, {"live_rmse": rmse, "training_rmse": training, "outcomes": live.outcomes}


def _coverage(live: LiveQuality, training: float | None, tolerance: Tolerance) -> Iterator[_Reason]:
    coverage = live.interval_coverage
    if training is not None and coverage is not None and coverage <= training - tolerance.coverage_shortfall:
        reason = f"{coverage:.3f} of the live intervals hold the true price, {training:.3f} did in training"
        yield reason, {"live_coverage": coverage, "training_coverage": training, "outcomes": live.outcomes}


def _estimate(results: Results, tolerance: Tolerance) -> Iterator[_Reason]:
    """Yield the estimate if the lower end of its band, exceeded with 97.5 %, is too high."""
    estimated, training = results.estimated, results.training.root_mean_squared_error
    if not tolerance.estimated_error_factor or estimated is None or training is None:
        return
    least = estimated.root_mean_squared_error.lower
    if least >= tolerance.estimated_error_factor * training:
        ratio = least / training
        reason = f"by its intervals the RMSE will be at least {least:,.0f} USD, {ratio:.2f} times that of training"
        yield reason, {"least_estimated_rmse": least, "training_rmse": training, "rows": estimated.rows}


def _drift(results: Results, tolerance: Tolerance) -> Iterator[_Reason]:
    drifted = {each.feature: round(each.psi, 3) for each in results.drift if each.psi >= tolerance.drift_psi}
    if drifted:
        named = ", ".join(f"{name} (PSI {psi:g})" for name, psi in drifted.items())
        yield f"{named} drifted from what was trained on", {"drift": drifted, "window_rows": results.window_rows}
