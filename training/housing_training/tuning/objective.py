"""The objective of the search: how good hyper-parameters of the mixture of experts are.

Only training rows are used. They are split twice, at random and by area, into the same number of folds. The areas are
those of a separate grid, so that neither of the two grids on which a model is evaluated later is searched on.
"""

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from pathlib import Path

import numpy as np

from housing_training.data.rows import Prices, Rows
from housing_training.errors import ParameterError
from housing_training.experts import boosters, cross_fitting, experts
from housing_training.experts.cross_fitting import Indices, area_folds, cross_fit, random_folds
from housing_training.features import located
from housing_training.geography import neighbours, places
from housing_training.metrics.prices import Metrics
from housing_training.params.names import flat, nested
from housing_training.params.schema import MIXTURE, MixtureParams, TrainParams
from housing_training.tuning.search import Errors
from housing_training.tuning.search_space import SPACE, Value, legible

FOLDS = 3
"""Folds of either kind."""
OFFSET_DEGREES = 0.125
"""Offset of the grid of areas from that of the spatial evaluation, whose second grid has an offset of 0.25."""

_MODULES = (boosters, cross_fitting, experts, located, neighbours, places)
"""Modules whose code changes the errors of hyper-parameters."""


class MixtureObjective:
    """Measures hyper-parameters of one mixture on one table of training rows."""

    def __init__(self, params: TrainParams, rows: Rows, prices: Prices, data_sha256: str) -> None:
        """Split the rows.

        Args:
            params: what is trained now.
            rows: training rows, shape (n, 9).
            prices: their prices in USD, shape (n,).
            data_sha256: hash of their table.

        Raises:
            ParameterError: the parameters have no mixture of experts, or invalid ones for it.
        """
        if MIXTURE not in params.candidates:
            raise ParameterError(f"train.candidates has no {MIXTURE}, the only one whose parameters are searched")
        self._whole = flat(MixtureParams.of(MIXTURE, params.candidates[MIXTURE]).model_dump())
        self._rows, self._prices, self.seed = rows, prices, params.seed
        self._data_sha256 = data_sha256
        self._folds = _pairs(rows, params.seed)
        self.steps = len(self._folds)
        self.stored: dict[str, Value] = {name: legible(self._whole[name]) for name in SPACE if name in self._whole}
        """The hyper-parameters that can be searched, as they are stored, by flat name; the others are left alone."""

    def measure(self, values: Mapping[str, Value]) -> Iterator[Errors]:
        """Measure hyper-parameters, by flat name: errors after each pair of folds, the last of them final."""
        mixture = MixtureParams.of(MIXTURE, nested({**self._whole, **values}))
        measured = []
        for pair in self._folds:
            folds = cross_fit(mixture, self._rows, self._prices, pair, self.seed)
            measured.append([Metrics.of(self._prices[fold.rows], fold.estimate.prices).rmse for fold in folds])
            at_random, by_area = np.mean(measured, axis=0).round(2).tolist()
            yield Errors(at_random=at_random, by_area=by_area)

    def fingerprint(self) -> str:
        """Hash what makes errors comparable: data, seed, folds, code, and what is not searched."""
        shared = {
            "data": self._data_sha256,
            "seed": self.seed,
            "folds": [FOLDS, OFFSET_DEGREES],
            "space": {name: asdict(SPACE[name]) for name in self.stored},
            "fixed": {name: value for name, value in self._whole.items() if name not in self.stored},
            "code": [hashlib.sha256(Path(str(each.__file__)).read_bytes()).hexdigest() for each in _MODULES],
        }
        return hashlib.sha256(json.dumps(shared, sort_keys=True).encode()).hexdigest()


def _pairs(rows: Rows, seed: int) -> list[list[tuple[Indices, Indices]]]:
    """Split rows into pairs of a random fold and a fold by area, each with rows to train on and rows to hold out."""
    by_area = area_folds(rows, FOLDS, OFFSET_DEGREES)
    return [list(pair) for pair in zip(random_folds(rows, len(by_area), seed), by_area, strict=True)]
