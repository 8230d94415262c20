"""The student: a small network that was trained by the mixture of experts, its teacher.

Boosters answer in steps, and a served row visits some hundred thousand of their nodes. The student is asked about many
rows that were never counted, as the teacher would price them, and learns the price and the width of the interval as
smooth functions. It reads the same features and the same table of places, is more often right where rows are known, and
costs a fraction. (Distillation: Bucila, Caruana and Niculescu-Mizil 2006; Hinton, Vinyals and Dean 2015.)
"""

from dataclasses import dataclass, replace
from typing import Self

import numpy as np
import numpy.typing as npt

from housing_training.data.rows import LABEL, PLACE, Prices, Rows
from housing_training.experts.experts import Experts, Floats
from housing_training.experts.intervals import Margins
from housing_training.features.domain import TrainingDomain
from housing_training.features.located import matrix
from housing_training.geography.grid import cell_places
from housing_training.geography.places import DERIVED_LABEL, FEATURES, PlaceTable
from housing_training.student.columns import FIGURES, StudentColumns
from housing_training.student.network import Network
from housing_training.student.teacher import UNIT_USD

OUTPUTS = ("price", "below", "above")
"""What the network computes: the price less its mean, and logarithms of the interval's widths in USD."""


NARROWEST = 0.01
"""Least part of a width that margins leave."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scale:
    """What the network's outputs mean."""

    price: float
    """Mean price in USD."""
    widths: tuple[float, float]
    """Added to the logarithms of both widths in USD: their means, and what held-out rows have shown to be lacking."""
    floor: float
    """Least price that is answered, in USD."""
    ceiling: float
    """Greatest price that is answered, in USD."""

    @classmethod
    def of(cls, experts: Experts, log_widths: Floats) -> Self:
        """Return what the outputs of a student of experts mean, given the mean logarithms of widths, shape (2,)."""
        below, above = map(float, log_widths)
        return cls(price=experts.mean, widths=(below, above), floor=experts.floor, ceiling=experts.ceiling)

    def stretched(self, margins: Margins) -> Self:
        """Return the same with widths multiplied by margins."""
        below, above = (
            float(width + np.log(max(margin, NARROWEST)))
            for width, margin in zip(self.widths, (margins.below, margins.above), strict=True)
        )
        return replace(self, widths=(below, above))

    def widths_of(self, outputs: npt.NDArray[np.float64]) -> Floats:
        """Return the widths of intervals below and above the price in USD, shape (n, 2)."""
        widths: Floats = np.exp(outputs[:, 1:] + self.widths)
        return widths

    def prices(self, outputs: npt.NDArray[np.float64]) -> Prices:
        """Return the prices of rows in USD, shape (n,)."""
        prices: Prices = np.clip(outputs[:, 0] * UNIT_USD + self.price, self.floor, self.ceiling)
        return prices

    def intervals(self, outputs: npt.NDArray[np.float64]) -> Floats:
        """Return lower and upper bounds of rows in USD, shape (n, 2)."""
        around = self.prices(outputs)[:, None] + self.widths_of(outputs) * (-1.0, 1.0)
        return np.clip(around, self.floor, self.ceiling)


@dataclass(frozen=True, slots=True, kw_only=True)
class StudentPipeline:
    """From raw rows to answers."""

    bedrooms_per_household: float
    """Stands in for bedrooms that were left out."""
    columns: StudentColumns
    """How rows are turned into what the network reads."""
    network: Network
    """Computes `OUTPUTS`."""
    scale: Scale
    """What they mean."""
    domain: TrainingDomain
    """Where the training rows lie."""
    table: PlaceTable
    """What is known about places."""
    coverage: float
    """The probability that intervals promise."""

    def stretched(self, margins: Margins) -> Self:
        """Return the same pipeline with intervals whose widths are multiplied by margins."""
        return replace(self, scale=self.scale.stretched(margins))

    def predict(self, rows: Rows) -> Prices:
        """Predict the price of each row, shape (n, 9): USD, float64, shape (n,)."""
        return self.scale.prices(self.outputs(rows))

    def proximity(self, rows: Rows) -> npt.NDArray[np.int64]:
        """Return the codes of `ocean_proximity`, given or derived, shape (n,), for rows of shape (n, 9)."""
        derived, given = self.table(rows[:, PLACE])[:, DERIVED_LABEL], rows[:, LABEL]
        return np.where(np.isnan(given), derived, given)[:, 0].astype(np.int64)

    def outputs(self, rows: Rows) -> npt.NDArray[np.float64]:
        """Compute `OUTPUTS` of rows, shape (n, 9): shape (n, outputs)."""
        place_features = self.table(rows[:, PLACE])[:, : len(FEATURES)]
        figures = matrix(rows, place_features, self.bedrooms_per_household)[:, :FIGURES]
        read = self.columns.joined(
            self.columns.logarithms(figures), cell_places(rows[:, PLACE]), self.columns.in_bytes(place_features)
        )
        return self.network(read).astype(np.float64)
