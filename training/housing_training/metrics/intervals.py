"""How good intervals are."""

from dataclasses import dataclass
from typing import Self

import numpy as np
import numpy.typing as npt

PARTS = 5
"""Into how many parts of the same size rows are cut, by what is predicted for them."""

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class IntervalMetrics:
    """Figures of some intervals."""

    coverage: float
    """Share of the true prices that are inside."""
    mean_width: float
    """Mean width in USD."""
    coverage_by_fifth: tuple[float, ...]
    """Coverage among the fifth of the rows with the lowest predictions, and so on up."""

    @classmethod
    def of(cls, prices: Floats, predicted: Floats, bounds: Floats) -> Self:
        """Compare prices and predictions, shape (n,), with bounds, shape (n, 2); all in USD."""
        low, high = bounds.T
        inside = (low <= prices) & (prices <= high)
        parts = np.array_split(inside[np.argsort(predicted, kind="stable")], PARTS)
        return cls(
            coverage=round(float(inside.mean()), 5),
            mean_width=round(float(np.mean(high - low)), 2),
            coverage_by_fifth=tuple(round(float(part.mean()), 5) for part in parts),
        )

    def named(self, prefix: str) -> dict[str, float]:
        """Return the figures under names such as `interval_coverage`."""
        fifths = {f"{prefix}_coverage_fifth_{part}": each for part, each in enumerate(self.coverage_by_fifth, start=1)}
        return {f"{prefix}_coverage": self.coverage, f"{prefix}_mean_width": self.mean_width, **fifths}
