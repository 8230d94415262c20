"""The interface of models: rows in, prices out."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from housing.features import COLUMNS
from housing.v1.model_profile_pb2 import ModelProfile
from housing.v1.model_service_pb2 import Model as ModelDescription
from housing.v1.prediction_service_pb2 import Warning as PredictionWarning

Rows = NDArray[np.float64]
"""float64, shape (n, 9): columns in `housing.features.FEATURES` order, NaN where a field was left out."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Intervals:
    """Where n prices lie with a stated probability."""

    bounds: NDArray[np.float64]
    """Lower and upper bounds in USD, shape (n, 2)."""
    upper_open: NDArray[np.bool_]
    """Whether the upper bound has reached the cap of the census, shape (n,)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimates:
    """The outputs of a model for n rows."""

    median_house_value: NDArray[np.float64]
    """USD, shape (n,)."""
    ocean_proximity: NDArray[np.int64]
    """Codes of the labels given or derived, shape (n,); -1 where the label is missing and the model derives none."""
    interval: Intervals | None = None
    """Prediction intervals; None when the model has none."""
    warned: NDArray[np.bool_] | None = None
    """Which of the model's own warnings apply, shape (n, number of warnings); None when it has none."""


class PriceModel(Protocol):
    """A model that computes prices."""

    description: ModelDescription
    """Its identity and origin."""
    inline: bool
    """Whether it is fast enough for a few rows to run on the event loop."""
    interval_coverage: float
    """Nominal coverage of its intervals; 0 when it has none."""

    @property
    def warnings(self) -> Sequence[PredictionWarning]:
        """The warnings it may issue, in the order of `Estimates.warned`."""

    def estimate(self, rows: Rows) -> Estimates:
        """Estimate one price per row; safe to call from several threads."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadedModel:
    """A model that is ready to predict, with its metadata."""

    predictor: PriceModel
    """Computes the prices."""
    profile: ModelProfile | None = None
    """Distributions of its inputs and answers at training time; None when it was registered without."""
    card: str | None = None
    """Its model card, in Markdown; None when it was registered without."""

    @property
    def description(self) -> ModelDescription:
        """Its identity and origin."""
        return self.predictor.description


def given_labels(rows: Rows) -> NDArray[np.int64]:
    """Return the ocean proximity codes in rows; -1 where the field is missing."""
    codes = rows[:, COLUMNS["ocean_proximity"]]
    return np.where(np.isnan(codes), -1, codes).astype(np.int64)
