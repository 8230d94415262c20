"""Models as the core sees them: rows in, prices out."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from housing.contract import FEATURE_NAMES
from housing.v1.model_profile_pb2 import ModelProfile
from housing.v1.model_service_pb2 import Model as ModelDescription
from housing.v1.prediction_service_pb2 import Warning as PredictionWarning

Rows = NDArray[np.float64]
"""float64, shape (n, 9): columns in `housing.contract.FEATURES` order, NaN where a field was left out."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Intervals:
    """Where n prices lie with a stated probability."""

    bounds: NDArray[np.float64]
    """Lower and upper bound in USD, shape (n, 2)."""
    upper_open: NDArray[np.bool_]
    """Whether the upper bound has reached the cap of the census, shape (n,)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimates:
    """What a model answers for n rows."""

    median_house_value: NDArray[np.float64]
    """USD, shape (n,)."""
    ocean_proximity: NDArray[np.int64]
    """Codes of the label given or derived, shape (n,); -1 where it was left out and the model derives none."""
    interval: Intervals | None = None
    """Where the prices lie; None when the model knows none."""
    warned: NDArray[np.bool_] | None = None
    """Which of the model's own warnings apply, shape (n, number of them); None when it has none."""


class PriceModel(Protocol):
    """What computes prices."""

    description: ModelDescription
    """Where it comes from."""
    inline: bool
    """Whether it answers a few rows so quickly that it may run on the event loop."""
    interval_coverage: float
    """Share of its intervals that hold the true value; 0 when it has none."""

    @property
    def warnings(self) -> Sequence[PredictionWarning]:
        """The warnings it may give, in the order of `Estimates.warned`."""

    def estimate(self, rows: Rows) -> Estimates:
        """Estimate one price a row; safe to call from several threads."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadedModel:
    """A model that is ready to answer, and what is known of it."""

    predictor: PriceModel
    """What computes its prices."""
    profile: ModelProfile | None = None
    """How its inputs and answers were spread when it was made; None when training has kept no record of it."""
    card: str | None = None
    """What people ought to know about it, in Markdown; None when training has written nothing."""

    @property
    def description(self) -> ModelDescription:
        """Where it comes from."""
        return self.predictor.description


def given_labels(rows: Rows) -> NDArray[np.int64]:
    """Return the ocean proximity codes that rows carry; -1 where it was left out."""
    codes = rows[:, FEATURE_NAMES.index("ocean_proximity")]
    return np.where(np.isnan(codes), -1, codes).astype(np.int64)
