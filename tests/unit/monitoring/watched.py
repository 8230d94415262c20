"""A made-up service to watch: a model's profile, predictions that fit it, and who answers with them."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from housing.features import FEATURE_NAMES, FEATURES
from housing.v1.model_profile_pb2 import Distribution, ModelProfile
from housing_monitoring.errors import ServiceFailed
from housing_monitoring.results import LiveQuality, TrainingQuality
from housing_monitoring.service import ServedModel
from housing_monitoring.window import LoggedPrediction

NOW = 1_000_000.0
"""When tests take place, in seconds since the epoch."""

INCOME = FEATURE_NAMES.index("median_income")

TRAINING = TrainingQuality(
    model_version="3", mean_absolute_error=26_000.0, root_mean_squared_error=41_000.0, interval_coverage=None
)
LIVE = LiveQuality(
    model_version="3",
    outcomes=120,
    mean_absolute_error=27_000.0,
    root_mean_squared_error=43_000.0,
    bias=-1_000.0,
    interval_coverage=0.91,
)


def profile() -> ModelProfile:
    """A profile by which each number is spread evenly from 0 to 10, and each spelling as frequent as any other."""
    return ModelProfile(
        inputs=[
            Distribution(name=each.name, categories=each.choices, counts=[1000] * len(each.choices))
            if each.choices
            else _even(each.name)
            for each in FEATURES
        ],
        median_house_value=_even("median_house_value"),
    )


def _even(name: str) -> Distribution:
    return Distribution(name=name, edges=range(11), counts=[0, *[1000] * 10, 0])


def predictions(count: int, *, version: str = "3", until: float = NOW, scale: float = 1.0) -> list[LoggedPrediction]:
    """Predictions that fit the profile, one a second, newest first; `scale` multiplies their incomes."""
    random = np.random.default_rng(count)
    rows = random.uniform(0, 10, (count, len(FEATURES)))
    rows[:, INCOME] *= scale
    rows[:, FEATURE_NAMES.index("ocean_proximity")] = random.integers(0, 5, count)
    return [
        LoggedPrediction(
            prediction_id=f"{version}-{until - age}",
            predicted_at=until - age,
            model_version=version,
            row=tuple(row),
            median_house_value=float(random.uniform(0, 10)),
        )
        for age, row in enumerate(rows.tolist())
    ]


def without(prediction: LoggedPrediction, name: str) -> LoggedPrediction:
    """The same prediction, asked for without a field."""
    row = list(prediction.row)
    row[FEATURE_NAMES.index(name)] = np.nan
    return replace(prediction, row=tuple(row))


@dataclass
class FakeService:
    """A WatchedService that answers with what it is given."""

    log: list[LoggedPrediction] = field(default_factory=list)
    """The prediction log, newest first."""
    served: ServedModel = field(
        default_factory=lambda: ServedModel(name="california-housing", training=TRAINING, profile=profile())
    )
    """The model."""
    live: Sequence[LiveQuality] = (LIVE,)
    """How right it was."""
    down: bool = False
    """Whether it does not answer."""
    read: int = 0
    """How many predictions have been read from the log."""
    priced: Sequence[LoggedPrediction] = ()
    """Predictions with true prices."""
    priced_reads: int = 0
    """How often these were read."""

    async def model(self) -> ServedModel:
        """Describe the model."""
        if self.down:
            raise ServiceFailed("the service fails")
        return self.served

    async def newest_first(self, since: float) -> AsyncIterator[LoggedPrediction]:
        """Read the log backwards."""
        for prediction in self.log:
            if prediction.predicted_at < since:
                return
            self.read += 1
            yield prediction

    async def with_outcomes(self, model_version: str, rows: int) -> Sequence[LoggedPrediction]:
        """Return what has true prices."""
        self.priced_reads += 1
        return [each for each in self.priced if each.model_version == model_version][:rows]

    async def live_quality(self, model_name: str) -> Sequence[LiveQuality]:
        """Return its errors."""
        assert model_name == self.served.name
        return self.live
