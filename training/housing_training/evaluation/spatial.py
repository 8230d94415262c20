"""How good the mixture of experts and its student are in areas left out of their training.

Rows are parted into folds by area, squares of 0.5 degree, so that those held out have no neighbours among those
learnt from; everything, the neighbours' prices and the intervals included, is learnt anew from the rest. A second
grid, moved by half a square, shows whether the result hangs on where the first one lies. And since one seed is one
draw, the usual split is fitted with several, from all training rows and from one fold less.
"""

from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial

import numpy as np
import numpy.typing as npt
import pandas as pd
from threadpoolctl import threadpool_limits

from housing_training.data.rows import Prices, Rows
from housing_training.data.table import prices_from_frame, rows_from_frame
from housing_training.experts.cross_fitting import AREA_DEGREES, THREADS, Indices, area_folds, calibrate, random_folds
from housing_training.experts.experts import Experts
from housing_training.experts.intervals import IntervalModel
from housing_training.metrics.intervals import IntervalMetrics
from housing_training.metrics.prices import Metrics
from housing_training.params.schema import MIXTURE, STUDENT, MixtureParams, StudentParams, TrainParams
from housing_training.student.fitting import StudentFitting

FOLDS = 5
"""Folds by area."""
SEEDS = 3
"""How many seeds the usual split is fitted with."""
ALONE = "regional_expert"
"""What the mixture's expert that looks at no neighbours is called among what is measured."""

Bounds = npt.NDArray[np.float64]
"""Lower and upper bounds of intervals in USD, shape (n, 2)."""
Figures = Mapping[str, Mapping[str, float]]
"""Figures by name, by candidate."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """Rows to learn from, and others to be measured on."""

    rows: Rows
    """What is learnt from, shape (n, 9)."""
    prices: Prices
    """Their prices in USD, shape (n,)."""
    asked: Rows
    """Rows that are held out, shape (m, 9)."""
    true: Rows
    """Their prices in USD, shape (m,)."""
    seed: int
    """Seed of all that is drawn."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """How good a candidate was in a trial."""

    prices: Metrics
    """Its prices."""
    intervals: IntervalMetrics | None = None
    """Its intervals; None for what has none."""


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
        self.steps = FOLDS * (params.folds + self._mixture.interval.area_folds + 3) + 2 * SEEDS

    def run(self, advance: Callable[[], object]) -> Figures:
        """Evaluate: figures by name, by candidate; `advance` is called at each step."""
        grid, offset, seeds, fewer = self._areas(0), self._areas(AREA_DEGREES / 2), self._seeds(), self._fewer()
        with threadpool_limits(1, user_api="blas"), ThreadPoolExecutor(THREADS) as pool:
            intervals = list(pool.map(lambda trial: self._calibrate(trial, advance), grid))
            rest = [*offset, *seeds, *fewer]
            # What is not asked for its intervals learns from any.
            learnt = [*intervals, *intervals[-1:] * len(rest)]
            measured = list(pool.map(partial(self._measure, advance=advance), [*grid, *rest], learnt))
        ends = np.cumsum([len(grid), len(offset), len(seeds)])
        return _figures(*(measured[start:end] for start, end in zip([0, *ends], [*ends, None], strict=True)))

    def _areas(self, offset_degrees: float) -> list[Trial]:
        """Hold one area after the other out of all rows."""
        rows, prices = (np.concatenate(parts) for parts in zip(self._train, self._test, strict=True))
        return [
            Trial(
                rows=rows[learnt],
                prices=prices[learnt],
                asked=rows[held_out],
                true=prices[held_out],
                seed=self._params.seed,
            )
            for learnt, held_out in area_folds(rows, FOLDS, offset_degrees)
        ]

    def _seeds(self) -> list[Trial]:
        """Learn from all training rows with one seed after the other."""
        return [self._usual(slice(None), number) for number in range(SEEDS)]

    def _fewer(self) -> list[Trial]:
        """Learn from the training rows without one random fold or another."""
        folds = random_folds(self._train[0], self._params.folds, self._params.seed)
        return [self._usual(folds[number % len(folds)][0], number) for number in range(SEEDS)]

    def _usual(self, learnt: slice | Indices, number: int) -> Trial:
        (rows, prices), (asked, true) = self._train, self._test
        return Trial(rows=rows[learnt], prices=prices[learnt], asked=asked, true=true, seed=self._params.seed + number)

    def _calibrate(self, trial: Trial, advance: Callable[[], object]) -> IntervalModel:
        return calibrate(self._mixture, self._params, trial.rows, trial.prices, advance).intervals

    def _measure(self, trial: Trial, intervals: IntervalModel, advance: Callable[[], object]) -> dict[str, Measured]:
        """Fit experts, and a student of theirs, and measure them, by name."""
        experts = Experts.fit(self._mixture, trial.rows, trial.prices, trial.seed)
        estimate = experts.estimate(trial.asked)
        log_errors, limits = intervals.error.predict(estimate.matrix)[:, None], (experts.floor, experts.ceiling)
        bounds = intervals.bounds(estimate.prices[:, None], log_errors, estimate.weights, limits)
        found = {
            MIXTURE: _measured(trial.true, estimate.prices, bounds),
            ALONE: Measured(prices=Metrics.of(trial.true, estimate.regional_prices)),
        }
        if self._student:
            fitting = StudentFitting.of(self._student, self._mixture, intervals, trial.seed)
            student = fitting.fit(experts, trial.rows, trial.prices, lambda: None)
            outputs = student.outputs(trial.asked)
            prices, bounds = student.scale.prices(outputs), student.scale.intervals(outputs)
            found[STUDENT] = _measured(trial.true, prices, bounds)
        advance()
        return found


def _measured(true: Rows, predicted: Prices, bounds: Rows) -> Measured:
    return Measured(prices=Metrics.of(true, predicted), intervals=IntervalMetrics.of(true, predicted, bounds))


Trials = list[dict[str, Measured]]
"""What was measured in each of some trials, by name."""


def _figures(grid: Trials, offset: Trials, seeds: Trials, fewer: Trials) -> Figures:
    alone = {
        "spatial_cv_rmse_without_neighbours": _mean(grid, ALONE).rmse,
        "spatial_offset_cv_rmse_without_neighbours": _mean(offset, ALONE).rmse,
    }
    return {
        name: {
            **_mean(grid, name).named("spatial_cv"),
            **_interval_figures([trial[name].intervals for trial in grid]),
            "spatial_offset_cv_rmse": _mean(offset, name).rmse,
            **alone,
            **_of_seeds("test_rmse", seeds, name),
            **_of_seeds("test_rmse_of_fewer_rows", fewer, name),
        }
        for name in grid[0]
        if name != ALONE
    }


def _mean(trials: Trials, name: str) -> Metrics:
    return Metrics.mean([trial[name].prices for trial in trials])


def _interval_figures(intervals: Iterable[IntervalMetrics | None]) -> dict[str, float]:
    known = [each for each in intervals if each]
    return {
        "spatial_interval_coverage": round(float(np.mean([each.coverage for each in known])), 5),
        "spatial_interval_coverage_least": min(each.coverage for each in known),
        "spatial_interval_mean_width": round(float(np.mean([each.mean_width for each in known])), 2),
    }


def _of_seeds(name: str, trials: Trials, candidate: str) -> dict[str, float]:
    errors = [trial[candidate].prices.rmse for trial in trials]
    return {f"{name}_mean_of_seeds": round(float(np.mean(errors)), 2), f"{name}_largest_of_seeds": max(errors)}
