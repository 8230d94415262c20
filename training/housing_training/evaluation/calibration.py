"""Calibration of intervals: their coverage by height of the prediction."""

from dataclasses import dataclass
from typing import Self

import numpy as np

from housing_training.evaluation.slices import Answers, Floats
from housing_training.metrics.intervals import PARTS


@dataclass(frozen=True, slots=True, kw_only=True)
class Calibration:
    """The intervals of rows with predictions of about the same height."""

    least: float
    """Least prediction among them, in USD."""
    greatest: float
    """Greatest prediction among them, in USD."""
    rows: int
    """Number of rows."""
    coverage: float
    """Share of the true prices that are inside."""
    below: float
    """Share of the true prices that are below the lower bound."""
    above: float
    """Share of the true prices that are above the upper bound."""
    mean_width: float
    """Mean width in USD."""

    @classmethod
    def of(cls, prices: Floats, predicted: Floats, bounds: Floats) -> Self:
        """Compare prices and predictions, shape (n,), with bounds, shape (n, 2); all in USD, and one row at least."""
        low, high = bounds.T
        below, above = prices < low, prices > high
        return cls(
            least=round(float(predicted.min()), 2),
            greatest=round(float(predicted.max()), 2),
            rows=len(prices),
            coverage=round(float(np.mean(~(below | above))), 5),
            below=round(float(below.mean()), 5),
            above=round(float(above.mean()), 5),
            mean_width=round(float(np.mean(high - low)), 2),
        )


def calibration_by_fifth(answers: Answers) -> list[Calibration]:
    """Measure the fifth of the rows with the lowest predictions, and so on up; nothing if there are no intervals.

    The fifths are those of `IntervalMetrics.coverage_by_fifth`.
    """
    if answers.bounds is None:
        return []
    order = np.argsort(answers.predicted, kind="stable")
    return [
        Calibration.of(answers.prices[part], answers.predicted[part], answers.bounds[part])
        for part in np.array_split(order, PARTS)
        if len(part)
    ]
