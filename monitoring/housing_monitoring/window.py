"""The window: the most recent predictions, kept so that each look reads only what is new."""

from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass

_LATE_SECONDS = 10.0
"""Workers' rows reach the log in batches of their own: one may appear so long after a later one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LoggedPrediction:
    """A prediction, as the log has it."""

    prediction_id: str
    """Its id."""
    predicted_at: float
    """When it was made, in seconds since the epoch."""
    model_version: str
    """Version of the model that made it."""
    row: tuple[float, ...]
    """What was asked: nine values in `housing.contract.FEATURES` order, NaN where a field was left out."""
    median_house_value: float
    """What was answered, in USD."""


class Window:
    """The last predictions of the last hours, newest first."""

    def __init__(self, *, rows: int, seconds: float) -> None:
        """Begin with nothing.

        Args:
            rows: how many predictions it holds at most.
            seconds: how old they are at most.
        """
        self._rows = rows
        self._seconds = seconds
        self._held: dict[str, LoggedPrediction] = {}

    async def refresh(self, newest_first: Callable[[float], AsyncIterator[LoggedPrediction]], now: float) -> None:
        """Take in what is new and let go of what is too old.

        Args:
            newest_first: reads the log backwards, to a time.
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
