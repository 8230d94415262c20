"""The mixture of experts as it is served: prices, intervals, warnings, and a table of all that is known about places.

`answer` is the one description of what the graph does. On NumPy arrays it is the pipeline as Python runs it; on ndonnx
arrays it is what the graph is traced from.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from housing_training.data.rows import LABEL, PLACE, Prices, Rows
from housing_training.experts.boosters import Booster, run_booster
from housing_training.experts.experts import OUTLIER_FACTOR, Experts, local_weight
from housing_training.experts.intervals import IntervalModel
from housing_training.features.domain import TrainingDomain
from housing_training.features.located import REGIONAL, matrix
from housing_training.geography.landmarks import Array
from housing_training.geography.places import DERIVED_LABEL, FEATURES, PlaceTable

Run = Callable[[Booster, Array], Array]
"""Runs a booster on a float32 matrix, shape (n, columns): float32, shape (n, 1)."""


class Answer(NamedTuple):
    """Answers for n rows."""

    price: Array
    """USD, float64, shape (n,)."""
    ocean_proximity: Array
    """The code of the label, given or derived, float64, shape (n,)."""
    interval: Array
    """Lower and upper bound in USD, float64, shape (n, 2)."""
    interval_upper_open: Array
    """Whether the upper bound has reached the highest price in the data, bool, shape (n,)."""
    warnings: Array
    """Which of the domain's warnings apply, bool, shape (n, warnings)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MixturePipeline:
    """From raw rows to answers."""

    experts: Experts
    """They estimate prices."""
    intervals: IntervalModel
    """They estimate by how much prices may be wrong."""
    domain: TrainingDomain
    """The domain of the training rows."""
    table: PlaceTable
    """What is known about places."""
    coverage: float
    """The probability that intervals promise."""

    def predict(self, rows: Rows) -> Prices:
        """Predict the price of each row, shape (n, 9): USD, float64, shape (n,)."""
        prices: Prices = self.answer(rows).price
        return prices

    def proximity(self, rows: Rows) -> npt.NDArray[np.int64]:
        """Return the codes of `ocean_proximity`, given or derived, shape (n,), for rows of shape (n, 9)."""
        codes: npt.NDArray[np.int64] = _label(rows, self.table(rows[:, PLACE])).astype(np.int64)
        return codes

    def answer(self, rows: Array, run: Run = run_booster) -> Answer:
        """Answer rows: float64, shape (n, 9), columns in `FEATURES` order, NaN for what was left out."""
        place_columns = self.table(rows[:, PLACE])
        columns = matrix(rows, place_columns[:, : len(FEATURES)], self.experts.bedrooms_per_household)
        weights = local_weight(self.experts.gate, place_columns[:, OUTLIER_FACTOR])
        local, regional = run(self.experts.local, columns), run(self.experts.regional, columns[:, : len(REGIONAL)])
        prices = self.experts.blend(weights, local, regional)
        limits = (self.experts.floor, self.experts.ceiling)
        interval = self.intervals.bounds(prices, run(self.intervals.error, columns), weights, limits)
        return Answer(
            price=prices[:, 0],
            ocean_proximity=_label(rows, place_columns),
            interval=interval,
            interval_upper_open=interval[:, 1] >= self.experts.ceiling,
            warnings=self.domain.warned(rows, place_columns),
        )


def _label(rows: Array, place_columns: Array) -> Array:
    """Return the code of the given label, or else of the one by the rule: float64, shape (n,)."""
    xp = rows.__array_namespace__()
    derived, given = place_columns[:, DERIVED_LABEL], rows[:, LABEL]
    return xp.where(xp.isnan(given), derived, given)[:, 0]
