"""The student's teacher: the mixture of experts, and tutors, networks that have learnt from the same lessons.

Tutors err otherwise than the local expert, so together they are nearer to the truth than any of them.
"""

from dataclasses import dataclass
from typing import Self

import numpy as np
import numpy.typing as npt

from housing_training.experts.boosters import run_booster
from housing_training.experts.experts import OUTLIER_FACTOR, Experts, Matrix, Rows, local_weight
from housing_training.features.located import REGIONAL
from housing_training.params.schema import StudentParams
from housing_training.student.columns import StudentColumns, places_of
from housing_training.student.network import Network
from housing_training.student.network_training import Lessons, train_network

UNIT_USD = 100_000.0
"""What networks count prices in."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Teacher:
    """Prices rows, as the mixture reads them."""

    experts: Experts
    """The mixture."""
    columns: StudentColumns
    """How rows are turned into what networks read."""
    tutors: tuple[Network, ...]
    """Each estimates prices less their mean, in `UNIT_USD`."""

    @classmethod
    def fit(cls, params: StudentParams, experts: Experts, prices: Rows, rng: np.random.Generator) -> Self:
        """Train tutors beside experts that were fitted on rows with these prices in USD, shape (n,)."""
        columns = StudentColumns.fit(experts.lessons.matrix[: len(prices)])
        lessons = Lessons(
            columns=columns.read(experts.lessons.matrix),
            targets=((prices - experts.mean) / UNIT_USD)[experts.lessons.rows, None].astype(np.float32),
            weights=experts.lessons.weights[:, None].astype(np.float32),
        )
        tutors = tuple(train_network(params.tutor, lessons, rng, lambda: None) for _ in range(params.tutors))
        return cls(experts=experts, columns=columns, tutors=tutors)

    def prices(self, matrix: Matrix, shares: float | Rows) -> Rows:
        """Price rows as the mixture reads them, shape (n, columns): USD, shape (n,).

        Args:
            matrix: the rows.
            shares: the tutors' share where something is known, for all rows or each, shape (n, 1).
        """
        local = run_booster(self.experts.local, matrix).astype(np.float64)
        columns = self.columns.read(matrix)
        tutor = np.mean([each(columns) for each in self.tutors], axis=0, dtype=np.float64) * UNIT_USD
        regional = run_booster(self.experts.regional, matrix[:, : len(REGIONAL)])
        weights, taught = weights_of(self.experts, matrix), local + shares * (tutor - local)
        prices: Rows = self.experts.blend(weights, taught, regional)[:, 0]
        return prices


def weights_of(experts: Experts, matrix: Matrix) -> npt.NDArray[np.float64]:
    """Return the weight of the local expert for rows as the mixture reads them: shape (n, 1)."""
    weights: npt.NDArray[np.float64] = local_weight(experts.gate, places_of(matrix)[:, OUTLIER_FACTOR])
    return weights
