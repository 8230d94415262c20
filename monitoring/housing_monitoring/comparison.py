"""Comparison of the window with the served model's profile."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from housing.features import FEATURES
from housing.v1.model_profile_pb2 import Distribution, ModelProfile
from housing_monitoring.drift import Drift, compare
from housing_monitoring.errors import ForeignProfile
from housing_monitoring.service import ServedModel
from housing_monitoring.window import LoggedPrediction


@dataclass(frozen=True, slots=True, kw_only=True)
class Compared:
    """A field's profile and its live values."""

    distribution: Distribution
    """From the model's profile."""
    values: Sequence[float]
    """Live values from the window, as in rows; NaN for a missing field."""

    def given(self) -> int:
        """Count the values that are not missing."""
        return sum(not math.isnan(value) for value in self.values)

    def missing_ratio(self) -> float:
        """Return the share of missing values; there must be at least one value, missing or not."""
        return 1 - self.given() / len(self.values)

    def drift(self) -> Drift:
        """Measure the drift of the values; there must be at least one."""
        return compare(self.distribution, self.values)


def pair_up(model: ServedModel, window: Iterable[LoggedPrediction]) -> list[Compared]:
    """Pair each field with its profile: the inputs, in the contract's order, and the answers.

    Inputs are those of all predictions; answers only those of the served model, since another model's may well differ.

    Raises:
        ForeignProfile: the profile has other fields than the contract.
    """
    if model.profile is None:
        return []
    _check(model.profile)
    predictions = list(window)
    columns = [[each.row[column] for each in predictions] for column in range(len(FEATURES))]
    version = model.training.model_version
    answers = [each.median_house_value for each in predictions if each.model_version == version]
    distributions = (*model.profile.inputs, model.profile.median_house_value)
    return [
        Compared(distribution=distribution, values=values)
        for distribution, values in zip(distributions, (*columns, answers), strict=True)
    ]


def _check(profile: ModelProfile) -> None:
    expected = [(feature.name, feature.choices) for feature in FEATURES]
    found = [(each.name, tuple(each.categories)) for each in profile.inputs]
    if found != expected:
        raise ForeignProfile(
            "the model's profile has other fields than this contract: retrain it with this version, "
            "or run the monitor of its version"
        )
