"""Fitted models as Python runs them; the usual one is features, estimator, and the range of prices it may answer."""

from dataclasses import dataclass
from typing import Protocol, Self

import numpy as np
import numpy.typing as npt
from sklearn.base import RegressorMixin

from housing_training.candidates.estimators import round_coefficients
from housing_training.features.transform import FeatureTransform
from housing_training.geography.places import in_parts


class Pipeline(Protocol):
    """What every fitted model is in Python."""

    def predict(self, rows: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        """Predict the price of each row, shape (n, 9): USD, float64, shape (n,)."""

    def proximity(self, rows: npt.NDArray[np.float64]) -> npt.NDArray[np.int64]:
        """Return the codes of `ocean_proximity` that are used, given or derived, shape (n,)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PricePipeline:
    """From raw rows to prices."""

    features: FeatureTransform
    """The feature engineering."""
    estimator: RegressorMixin
    """The fitted estimator of prices less `mean`."""
    mean: float
    """Mean price of the training rows, in USD: smaller numbers leave float32 sums more exact digits."""
    floor: float
    """Least price among the training rows, in USD: nothing lower is answered."""
    ceiling: float
    """Greatest price among the training rows, in USD: nothing higher is answered."""

    @classmethod
    def fit(cls, estimator: RegressorMixin, rows: npt.NDArray[np.float64], prices: npt.NDArray[np.float64]) -> Self:
        """Fit everything on rows, shape (n, 9), and their prices in USD, shape (n,)."""
        features = FeatureTransform.fit(rows)
        mean = float(prices.mean().round())
        estimator.fit(_matrix(features, rows), prices - mean)
        round_coefficients(estimator)
        return cls(
            features=features,
            estimator=estimator,
            mean=mean,
            floor=float(prices.min()),
            ceiling=float(prices.max()),
        )

    def predict(self, rows: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        """Predict the price of each row, shape (n, 9): USD, float64, shape (n,)."""
        estimates = self.estimator.predict(_matrix(self.features, rows))
        prices: npt.NDArray[np.float64] = np.clip(estimates.astype(np.float64) + self.mean, self.floor, self.ceiling)
        return prices

    def proximity(self, rows: npt.NDArray[np.float64]) -> npt.NDArray[np.int64]:
        """Return the codes of `ocean_proximity` that are used, given or derived, shape (n,)."""
        codes: npt.NDArray[np.float64] = in_parts(lambda part: self.features(part).ocean_proximity, rows)
        return codes.astype(np.int64)


def _matrix(features: FeatureTransform, rows: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Widen the float32 features again, without changing a value, so that linear algebra runs in float64."""
    return in_parts(lambda part: features(part).matrix.astype(np.float64), rows)
