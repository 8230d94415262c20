"""The interface of a monitored service."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import Protocol

from housing.v1.model_profile_pb2 import ModelProfile
from housing_monitoring.results import LiveQuality, TrainingQuality
from housing_monitoring.window import LoggedPrediction


@dataclass(frozen=True, slots=True, kw_only=True)
class ServedModel:
    """The served model."""

    name: str
    """Its name in the registry."""
    training: TrainingQuality
    """Its version, and its errors in training."""
    profile: ModelProfile | None
    """Distributions of its inputs and answers; None when it was registered without a profile."""


class WatchedService(Protocol):
    """A prediction service. Every method raises ServiceFailed when it is not available."""

    async def model(self) -> ServedModel:
        """Describe the served model."""

    def newest_first(self, since: float) -> AsyncIterator[LoggedPrediction]:
        """Yield the prediction log backwards, to a time in seconds since the epoch; pages are fetched as needed."""

    async def with_outcomes(self, model_version: str, rows: int) -> Sequence[LoggedPrediction]:
        """Return the newest predictions of a version with a true price, at most so many."""

    async def live_quality(self, model_name: str) -> Sequence[LiveQuality]:
        """Return the recent errors of a model, by version, where true prices are known."""
