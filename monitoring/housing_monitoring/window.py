"""The window: the most recent predictions, kept so that each check reads only new ones."""

from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass

_LATE_SECONDS = 10.0
"""Workers' rows reach the log in separate batches: one may appear this long after a later one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LoggedPrediction:
    """A prediction from the log."""

    prediction_id: str
    predicted_at: float
    """Time of the prediction, in seconds since the epoch."""
    model_version: str
    """Version of the model."""
    row: tuple[float, ...]
    """The input: nine values in `housing.features.FEATURES` order, NaN for a missing field."""
    median_house_value: float
    """The predicted price, in USD."""
    interval: tuple[float, float, bool] | None = None
    """Its interval: lower and upper bound in USD, and whether the upper bound is open; None without one."""
    warnings: tuple[str, ...] = ()
    """Reasons of its warnings."""
    true_price: float | None = None
    """The true price, in USD; None while it was not known."""


class Window:
    """The last predictions of the last hours, newest first."""

    def __init__(self, *, rows: int, seconds: float) -> None:
        """Start empty.

        Args:
            rows: the most predictions to hold.
            seconds: their age limit.
        """
        self._rows = rows
        self._seconds = seconds
        self._held: dict[str, LoggedPrediction] = {}

    async def refresh(self, newest_first: Callable[[float], AsyncIterator[LoggedPrediction]], now: float) -> None:
        """Add new predictions, and drop those that are too old.

        Args:
            newest_first: yields the log backwards, to a time.
            now: the time. Both in seconds since the epoch.
        """
        oldest = now - self._seconds
        known_from = max((each.predicted_at for each in self), default=oldest) - _LATE_SECONDS
        fresh: dict[str, LoggedPrediction] = {}
        async for prediction in newest_first(max(oldest, known_from)):
            fresh[prediction.prediction_id] = prediction
            if len(fresh) >= self._rows:
                break
        together = sorted((self._held | fresh).values(), key=lambda each: each.predicted_at, reverse=True)
        self._held = {each.prediction_id: each for each in together[: self._rows] if each.predicted_at >= oldest}

    def __iter__(self) -> Iterator[LoggedPrediction]:
        return iter(self._held.values())

    def __len__(self) -> int:
        return len(self._held)
