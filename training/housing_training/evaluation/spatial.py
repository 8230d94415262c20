"""How good the mixture of experts and its student are in areas left out of their training.

Rows are parted into folds by area, squares of 0.5 degree, so that those held out have no neighbours among those
learnt from; everything, the neighbours' prices and the intervals included, is learnt anew from the rest. A second
grid, moved by half a square, shows whether the result depends on where the first one lies. And since one seed is one
draw, the usual split is fitted with several.
"""

from collections.abc import Callable, Mapping

import numpy as np
import numpy.typing as npt
import pandas as pd
from threadpoolctl import threadpool_limits

from housing_training.data.rows import Prices, Rows
from housing_training.data.table import prices_from_frame, rows_from_frame
from housing_training.experts.cross_fitting import AREA_DEGREES, Indices, area_folds, calibrate, cross_fit
from housing_training.experts.experts import Experts
from housing_training.experts.intervals import IntervalModel
from housing_training.metrics.intervals import IntervalMetrics
from housing_training.metrics.prices import Metrics
from housing_training.params.schema import MIXTURE, STUDENT, MixtureParams, StudentParams, TrainParams
from housing_training.student.fitting import StudentFitting
from housing_training.student.pipeline import StudentPipeline

FOLDS = 5
"""Folds by area."""
SEEDS = 3
"""How many seeds the usual split is fitted with."""

Bounds = npt.NDArray[np.float64]
"""Lower and upper bounds of intervals in USD, shape (n, 2)."""
Figures = Mapping[str, Mapping[str, float]]
"""Figures by name, by candidate."""


class SpatialEvaluation:
    """The evaluation of a mixture, and of its student if there is one, on one table."""

    def __init__(self, params: TrainParams, train: pd.DataFrame, test: pd.DataFrame) -> None:
        """Prepare the evaluation on all rows, of the training table and of the test table.

        Raises:
            ParameterError: the parameters have no mixture of experts, or invalid ones for it.
        """
        self._params = params
        self._mixture = MixtureParams.of(MIXTURE, params.candidates.get(MIXTURE, {}))
        given = params.candidates.get(STUDENT)
        self._student = None if given is None else StudentParams.of(STUDENT, given)
        self._train = rows_from_frame(train), prices_from_frame(train)
        self._test = rows_from_frame(test), prices_from_frame(test)
        self._rows, self._prices = (np.concatenate(parts) for parts in zip(self._train, self._test, strict=True))
        self.steps = FOLDS * (params.folds + self._mixture.interval.area_folds + 3) + SEEDS

    def run(self, advance: Callable[[], object]) -> Figures:
        """Run the evaluation and return figures by name, by candidate; `advance` is called at each step."""
        with threadpool_limits(1, user_api="blas"):
            return self._run(advance)

    def _run(self, advance: Callable[[], object]) -> Figures:
        grid = Measured()
        for learnt, held_out in area_folds(self._rows, FOLDS):
            intervals = self._measure_area(grid, learnt, held_out, advance)
            advance()
        offset = self._offset_grid(advance)
        seeds = Measured()
        for seed in range(self._params.seed, self._params.seed + SEEDS):
            self._measure_seed(seeds, seed, intervals)
            advance()
        found = {MIXTURE: grid.over_areas(MIXTURE) | grid.without_neighbours() | offset | seeds.over_seeds(MIXTURE)}
        if self._student:
            found[STUDENT] = grid.over_areas(STUDENT) | seeds.over_seeds(STUDENT)
        return found

    def _measure_area(
        self, grid: "Measured", learnt: Indices, held_out: Indices, advance: Callable[[], object]
    ) -> IntervalModel:
        """Fit experts, intervals and a student without an area, and measure them there."""
        train, prices = (self._rows[learnt], self._prices[learnt]), self._prices[held_out]
        intervals = calibrate(self._mixture, self._params, *train, advance).intervals
        experts = Experts.fit(self._mixture, *train, self._params.seed)
        estimate = experts.estimate(self._rows[held_out])
        log_errors = intervals.error.predict(estimate.matrix)[:, None]
        limits = (experts.floor, experts.ceiling)
        bounds = intervals.bounds(estimate.prices[:, None], log_errors, estimate.weights, limits)
        grid.add(MIXTURE, prices, estimate.prices, bounds)
        grid.alone.append(Metrics.of(prices, estimate.regional_prices))
        if self._student:
            student = self._fit_student(self._student, experts, train, intervals, self._params.seed)
            outputs = student.outputs(self._rows[held_out])
            grid.add(STUDENT, prices, student.scale.prices(outputs), student.scale.intervals(outputs))
        return intervals

    def _measure_seed(self, seeds: "Measured", seed: int, intervals: IntervalModel) -> None:
        """Fit experts and a student on the training rows with a seed, and measure them on those held out."""
        rows, prices = self._test
        experts = Experts.fit(self._mixture, *self._train, seed)
        seeds.add(MIXTURE, prices, experts.estimate(rows).prices)
        if self._student:
            student = self._fit_student(self._student, experts, self._train, intervals, seed)
            seeds.add(STUDENT, prices, student.predict(rows))

    def _fit_student(
        self, params: StudentParams, experts: Experts, train: tuple[Rows, Prices], intervals: IntervalModel, seed: int
    ) -> StudentPipeline:
        return StudentFitting.of(params, self._mixture, intervals, seed).fit(experts, *train, lambda: None)

    def _offset_grid(self, advance: Callable[[], object]) -> dict[str, float]:
        """Fit experts without one area of the other grid after the other."""
        metrics, alone = [], []
        parts = area_folds(self._rows, FOLDS, AREA_DEGREES / 2)
        for fold in cross_fit(self._mixture, self._rows, self._prices, parts, self._params.seed):
            metrics.append(Metrics.of(self._prices[fold.rows], fold.estimate.prices))
            alone.append(Metrics.of(self._prices[fold.rows], fold.estimate.regional_prices))
            advance()
        return {
            "spatial_offset_cv_rmse": Metrics.mean(metrics).rmse,
            "spatial_offset_cv_rmse_without_neighbours": Metrics.mean(alone).rmse,
        }


class Measured:
    """Figures of candidates, collected fold after fold."""

    def __init__(self) -> None:
        self.alone: list[Metrics] = []
        """Errors of the mixture's regional expert alone."""
        self._metrics: dict[str, list[Metrics]] = {}
        self._intervals: dict[str, list[IntervalMetrics]] = {}

    def add(self, candidate: str, prices: Prices, predicted: Prices, bounds: Bounds | None = None) -> None:
        """Compare predictions, and bounds if there are any, with true prices in USD, shape (n,)."""
        self._metrics.setdefault(candidate, []).append(Metrics.of(prices, predicted))
        if bounds is not None:
            self._intervals.setdefault(candidate, []).append(IntervalMetrics.of(prices, predicted, bounds))

    def over_areas(self, candidate: str) -> dict[str, float]:
        """Return the figures of a candidate in areas left out."""
        intervals = self._intervals[candidate]
        return {
            **Metrics.mean(self._metrics[candidate]).named("spatial_cv"),
            "spatial_interval_coverage": round(float(np.mean([each.coverage for each in intervals])), 5),
            "spatial_interval_coverage_least": min(each.coverage for each in intervals),
            "spatial_interval_mean_width": round(float(np.mean([each.mean_width for each in intervals])), 2),
        }

    def without_neighbours(self) -> dict[str, float]:
        """Return the error there of the expert that looks at no neighbours."""
        return {"spatial_cv_rmse_without_neighbours": Metrics.mean(self.alone).rmse}

    def over_seeds(self, candidate: str) -> dict[str, float]:
        """Return the errors of a candidate with several seeds."""
        errors = [each.rmse for each in self._metrics[candidate]]
        return {
            "test_rmse_mean_of_seeds": round(float(np.mean(errors)), 2),
            "test_rmse_largest_of_seeds": max(errors),
        }
