"""Fitting a student: synthetic rows, the teacher's answers to them, a network, and margins from rows held out.

The widths of intervals are learnt from the teacher's interval model, whose margins hold on average over all folds.
Whether the student's hold is seen in a rehearsal: a student of experts that had not seen one fold answers its rows.
What its intervals lack there, or have too much, beside its teacher's, is put right in the final student's: so it
does not count that a fold is harder than others. (Split conformal prediction, as in `intervals`.)
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Self

import numpy as np

from housing_training.data.rows import Prices, Rows
from housing_training.experts.experts import Estimate, Experts, Floats, Matrix
from housing_training.experts.intervals import LEAST_MARGIN, IntervalModel, Margins, margins_of
from housing_training.features.domain import TrainingDomain
from housing_training.geography.places import PlaceTable
from housing_training.params.schema import HoleParams, MixtureParams, StudentParams
from housing_training.student.columns import INCOME
from housing_training.student.network_training import Lessons, Rising, train_network
from housing_training.student.pipeline import Scale, StudentPipeline
from housing_training.student.synthetic_rows import EXTREME, SyntheticRows
from housing_training.student.teacher import UNIT_USD, Teacher, weights_of

OUTPUT_WEIGHTS = np.array([1.0, 0.03, 0.03], np.float32)
"""How much the squared errors of the price and of the logarithms of both widths count."""
INCOMES = np.arange(0.5, 14.75, 0.01)
"""Incomes, in tens of thousands of USD, from which the price should not fall with a step up."""
INCOME_STEP = 0.25
"""The step."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StudentFitting:
    """Fits students of a mixture of experts."""

    params: StudentParams
    """Hyper-parameters."""
    holes: HoleParams
    """How the local expert was taught what to do where nothing is known."""
    intervals: IntervalModel
    """The teacher's intervals."""
    coverage: float
    """The probability that intervals promise."""
    seed: int
    """Seed of all that is drawn."""

    @classmethod
    def of(cls, params: StudentParams, mixture: MixtureParams, intervals: IntervalModel, seed: int) -> Self:
        """Prepare to fit students of mixtures with these hyper-parameters and intervals."""
        coverage = mixture.interval.coverage
        return cls(params=params, holes=mixture.holes, intervals=intervals, coverage=coverage, seed=seed)

    def fit(
        self,
        experts: Experts,
        rows: Rows,
        prices: Prices,
        advance: Callable[[], object],
        table: PlaceTable | None = None,
    ) -> StudentPipeline:
        """Fit a student of experts.

        Args:
            experts: fitted on the rows.
            rows: raw, shape (n, 9).
            prices: their prices in USD, shape (n,).
            advance: called after each epoch.
            table: what the experts know about places; computed if it is None.
        """
        rng, table = np.random.default_rng(self.seed), table or PlaceTable.of(experts.neighbourhood)
        teacher = Teacher.fit(self.params, experts, prices, rng)
        synthetic = SyntheticRows(experts=experts, rows=rows, table=table, holes=self.holes)
        asked, shown = synthetic.draw(self.params.rows, self.seed)
        widths = self._log_widths(asked, weights_of(experts, asked))
        means = widths.mean(axis=0)
        taught = (self._prices(teacher, asked) - experts.mean) / UNIT_USD
        network = train_network(
            self.params.network,
            Lessons(
                columns=teacher.columns.read(shown),
                targets=np.column_stack([taught, widths - means]).astype(np.float32),
                weights=OUTPUT_WEIGHTS,
            ),
            rng,
            advance,
            Rising(column=INCOME, steps=teacher.columns.incomes(np.column_stack([INCOMES, INCOMES + INCOME_STEP]))),
        )
        return StudentPipeline(
            bedrooms_per_household=experts.bedrooms_per_household,
            columns=teacher.columns,
            network=network,
            scale=Scale.of(experts, means),
            domain=TrainingDomain.fit(rows),
            table=table,
            coverage=self.coverage,
        )

    def margins(self, student: StudentPipeline, rows: Rows, prices: Prices, teachers: Estimate) -> Margins:
        """Return what a student's widths must be multiplied by to hold as often as its teacher's.

        Args:
            student: it has not seen the rows, and neither has what its teacher's intervals were learnt from.
            rows: raw, shape (n, 9).
            prices: their prices in USD, shape (n,).
            teachers: what its teacher estimates for them.
        """
        outputs, log_widths = student.outputs(rows), self._log_widths(teachers.matrix, teachers.weights)
        own = self._margins(prices - student.scale.prices(outputs), student.scale.widths_of(outputs))
        usual = self._margins(prices - teachers.prices, np.exp(log_widths))
        return own.times(1 / max(usual.below, LEAST_MARGIN), 1 / max(usual.above, LEAST_MARGIN))

    def _margins(self, errors: Floats, widths: Floats) -> Margins:
        return margins_of(errors / np.where(errors < 0, widths[:, 0], widths[:, 1]), self.coverage)

    def _prices(self, teacher: Teacher, asked: Matrix) -> Prices:
        """Price rows; of figures far out only the mixture knows, which answers there as at the end of what it knows."""
        shares = np.full((len(asked), 1), self.params.tutor_share)
        shares[len(asked) - round(EXTREME * self.params.rows) :] = 0
        return teacher.prices(asked, shares)

    def _log_widths(self, matrix: Matrix, weights: Floats) -> Floats:
        """Return the logarithms of the widths of the teacher's intervals, below and above, shape (n, 2)."""
        return self.intervals.log_widths(self.intervals.error.predict(matrix)[:, None], weights)
