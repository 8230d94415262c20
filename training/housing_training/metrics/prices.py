"""How good predictions are.

scikit-learn computes the same figures, but takes a second to import in stages that need nothing else of it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
import numpy.typing as npt


@dataclass(frozen=True, slots=True, kw_only=True)
class Metrics:
    """Errors of some predictions, rounded so that the last bits of a sum, which differ by machine, do not show."""

    rmse: float
    """Root of the mean squared error, in USD, to the cent."""
    mae: float
    """Mean absolute error, in USD, to the cent."""
    mape: float
    """Mean of the absolute error as a fraction of the true price."""
    r2: float
    """Fraction of the prices' variance that is explained."""

    @classmethod
    def of(cls, prices: npt.NDArray[np.float64], predicted: npt.NDArray[np.float64]) -> Self:
        """Compare true prices with predicted ones, in USD, shape (n,) each."""
        errors = predicted - prices
        unexplained, total = float(np.sum(errors**2)), float(np.sum((prices - prices.mean()) ** 2))
        return cls(
            rmse=round(float(np.sqrt(np.mean(errors**2))), 2),
            mae=round(float(np.mean(np.abs(errors))), 2),
            mape=round(float(np.mean(np.abs(errors) / prices)), 5),
            # Of prices that are all the same there is nothing to explain.
            r2=round(1 - (unexplained / total if total else float(unexplained > 0)), 5),
        )

    @classmethod
    def mean(cls, folds: Sequence[Self]) -> Self:
        """Average over the folds of a cross-validation."""
        return cls(
            rmse=round(float(np.mean([fold.rmse for fold in folds])), 2),
            mae=round(float(np.mean([fold.mae for fold in folds])), 2),
            mape=round(float(np.mean([fold.mape for fold in folds])), 5),
            r2=round(float(np.mean([fold.r2 for fold in folds])), 5),
        )

    def scaled(self, one: Self, other: Self) -> Self:
        """Return these figures times the ratio of two measurements of the same rows."""
        unexplained = (1 - self.r2) * (1 - one.r2) / (1 - other.r2)
        return type(self)(
            rmse=round(self.rmse * one.rmse / other.rmse, 2),
            mae=round(self.mae * one.mae / other.mae, 2),
            mape=round(self.mape * one.mape / other.mape, 5),
            r2=round(1 - unexplained, 5),
        )

    def named(self, prefix: str) -> dict[str, float]:
        """Return the figures under names such as `test_rmse`."""
        figures = {"rmse": self.rmse, "mae": self.mae, "mape": self.mape, "r2": self.r2}
        return {f"{prefix}_{name}": value for name, value in figures.items()}
