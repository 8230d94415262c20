"""How good the mixture of experts is where it has never been.

Rows are parted into folds by area, squares of 0.5 degree, so that those held out have no neighbours among those
learnt from; everything, the neighbours' prices and the intervals included, is learnt anew from the rest. A second
grid, moved by half a square, shows whether the result hangs on where the first one lies. And since one seed is one
draw, the usual split is fitted with several.
"""

from collections.abc import Callable

import numpy as np
import pandas as pd

from housing_training.cross_fitting import AREA_DEGREES, area_folds, calibrate, cross_fit
from housing_training.experts import Experts
from housing_training.interval_metrics import IntervalMetrics
from housing_training.metrics import Metrics
from housing_training.params import MIXTURE, MixtureParams, TrainParams
from housing_training.table import prices_from_frame, rows_from_frame

FOLDS = 5
"""Folds by area."""
SEEDS = 3
"""How many seeds the usual split is fitted with."""


class SpatialEvaluation:
    """The evaluation of one mixture on one table."""

    def __init__(self, params: TrainParams, train: pd.DataFrame, test: pd.DataFrame) -> None:
        """Set the evaluation up on all rows: those of the training table and those held out.

        Raises:
            ParameterError: the parameters have no mixture of experts, or one that cannot be.
        """
        self._params = params
        self._mixture = MixtureParams.of(MIXTURE, params.candidates.get(MIXTURE, {}))
        self._train = rows_from_frame(train), prices_from_frame(train)
        self._test = rows_from_frame(test), prices_from_frame(test)
        self._rows, self._prices = (np.concatenate(parts) for parts in zip(self._train, self._test, strict=True))
        self.steps = FOLDS * (params.folds + self._mixture.interval.area_folds + 3) + SEEDS

    def run(self, advance: Callable[[], object]) -> dict[str, float]:
        """Evaluate: figures by name; `advance` is called at each step."""
        return self._grid(advance) | self._offset_grid(advance) | self._seeds(advance)

    def _grid(self, advance: Callable[[], object]) -> dict[str, float]:
        """Fit experts and intervals without one area after the other."""
        metrics, alone, intervals = [], [], []
        for learnt, held_out in area_folds(self._rows, FOLDS):
            known = self._rows[learnt], self._prices[learnt]
            calibrated = calibrate(self._mixture, self._params, *known, advance)
            experts = Experts.fit(self._mixture, *known, self._params.seed)
            estimate = experts.estimate(self._rows[held_out])
            bounds = calibrated.intervals.bounds(
                estimate.prices[:, None],
                calibrated.intervals.error.predict(estimate.matrix)[:, None],
                estimate.weights,
                (experts.floor, experts.ceiling),
            )
            true = self._prices[held_out]
            metrics.append(Metrics.of(true, estimate.prices))
            alone.append(Metrics.of(true, estimate.regional_prices))
            intervals.append(IntervalMetrics.of(true, estimate.prices, bounds))
            advance()
        return {
            **Metrics.mean(metrics).named("spatial_cv"),
            "spatial_cv_rmse_without_neighbours": Metrics.mean(alone).rmse,
            "spatial_interval_coverage": round(float(np.mean([each.coverage for each in intervals])), 5),
            "spatial_interval_coverage_least": min(each.coverage for each in intervals),
            "spatial_interval_mean_width": round(float(np.mean([each.mean_width for each in intervals])), 2),
        }

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

    def _seeds(self, advance: Callable[[], object]) -> dict[str, float]:
        """Fit experts on the training rows with several seeds, and measure them on those held out."""
        errors = []
        for seed in range(self._params.seed, self._params.seed + SEEDS):
            estimate = Experts.fit(self._mixture, *self._train, seed).estimate(self._test[0])
            errors.append(Metrics.of(self._test[1], estimate.prices).rmse)
            advance()
        return {
            "test_rmse_mean_of_seeds": round(float(np.mean(errors)), 2),
            "test_rmse_largest_of_seeds": max(errors),
        }
