"""The student's teacher: the mixture of experts, and a tutor, a network trained on the same lessons.

The tutor's errors differ from the local expert's, so the two together are more accurate than either.
"""

from dataclasses import dataclass
from typing import Self

import numpy as np
import numpy.typing as npt

from housing_training.data.rows import Prices
from housing_training.experts.boosters import run_booster
from housing_training.experts.experts import OUTLIER_FACTOR, Experts, Floats, Matrix, local_weight
from housing_training.features.located import REGIONAL
from housing_training.params.schema import StudentParams
from housing_training.student.columns import StudentColumns, place_features_of
from housing_training.student.network import Network
from housing_training.student.network_training import Lessons, train_network

UNIT_USD = 100_000.0
"""Unit of the prices that networks estimate."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Teacher:
    """Prices rows, as the mixture reads them."""

    experts: Experts
    """The mixture."""
    columns: StudentColumns
    """How rows are turned into what networks read."""
    tutor: Network
    """Estimates prices less their mean, in `UNIT_USD`."""
    share: float
    """The tutor's share in what counts where something is known."""

    @classmethod
    def fit(cls, params: StudentParams, experts: Experts, prices: Prices, rng: np.random.Generator) -> Self:
        """Train a tutor beside experts that were fitted on rows with these prices in USD, shape (n,)."""
        lessons = experts.lessons
        columns = StudentColumns.fit(lessons.matrix[: len(prices)])
        tutor = train_network(
            params.tutor,
            Lessons(
                columns=columns.read(lessons.matrix),
                targets=((prices - experts.mean) / UNIT_USD)[lessons.rows, None].astype(np.float32),
                weights=lessons.weights[:, None].astype(np.float32),
            ),
            rng,
            lambda: None,
        )
        return cls(experts=experts, columns=columns, tutor=tutor, share=params.tutor_share)

    def prices(self, matrix: Matrix, shares: float | Floats) -> Prices:
        """Price rows as the mixture reads them, shape (n, columns): USD, shape (n,).

        Args:
            matrix: the rows.
            shares: the tutor's share, for all rows or each, shape (n, 1).
        """
        local = run_booster(self.experts.local, matrix).astype(np.float64)
        tutor = self.tutor(self.columns.read(matrix)).astype(np.float64) * UNIT_USD
        regional = run_booster(self.experts.regional, matrix[:, : len(REGIONAL)])
        weights, taught = weights_of(self.experts, matrix), local + shares * (tutor - local)
        prices: Prices = self.experts.blend(weights, taught, regional)[:, 0]
        return prices


def weights_of(experts: Experts, matrix: Matrix) -> npt.NDArray[np.float64]:
    """Return the weight of the local expert for rows as the mixture reads them: shape (n, 1)."""
    weights: npt.NDArray[np.float64] = local_weight(experts.gate, place_features_of(matrix)[:, OUTLIER_FACTOR])
    return weights
