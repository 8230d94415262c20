"""The service as watchers see it: what they ask of it."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import Protocol

from housing.v1.model_profile_pb2 import ModelProfile
from housing_monitoring.results import LiveQuality, TrainingQuality
from housing_monitoring.window import LoggedPrediction


@dataclass(frozen=True, slots=True, kw_only=True)
class ServedModel:
    """The model that is served."""

    name: str
    """Its name in the registry."""
    training: TrainingQuality
    """Its version, and what training measured."""
    profile: ModelProfile | None
    """What its inputs and answers looked like; None when it was registered without a profile."""


class WatchedService(Protocol):
    """A prediction service. Every method raises ServiceFailed when it does not answer."""

    async def model(self) -> ServedModel:
        """Describe the model that is served now."""

    def newest_first(self, since: float) -> AsyncIterator[LoggedPrediction]:
        """Read the prediction log backwards, to a time in seconds since the epoch, for as long as the caller asks."""

    async def live_quality(self, model_name: str) -> Sequence[LiveQuality]:
        """Return how good the answers of a model were lately, by version, where the true price is known."""
