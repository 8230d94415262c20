"""How good hyper-parameters of the mixture of experts or of its student are, for the search of better ones.

Only training rows are used. They are split twice, at random and by area, into the same number of folds. The areas are
those of a separate grid, so that neither of the two grids on which a model is evaluated later is searched on.
"""

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from functools import cache, partial
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
from threadpoolctl import threadpool_limits

from housing_training.data.rows import Prices, Rows
from housing_training.errors import ParameterError
from housing_training.experts import boosters, cross_fitting, experts, intervals
from housing_training.experts.cross_fitting import (
    THREADS,
    Fold,
    Indices,
    area_folds,
    cross_fit,
    pooled,
    random_folds,
)
from housing_training.experts.intervals import IntervalModel
from housing_training.features import located
from housing_training.geography import neighbours, places
from housing_training.metrics.prices import Metrics
from housing_training.params.names import flat, nested
from housing_training.params.schema import MIXTURE, STUDENT, MixtureParams, StudentParams, TrainParams
from housing_training.student import columns, fitting, network, network_training, pipeline, synthetic_rows, teacher
from housing_training.student.fitting import StudentFitting
from housing_training.tuning.search import Errors
from housing_training.tuning.search_space import SPACE, Value, legible

FOLDS = 3
"""Folds of either kind."""
OFFSET_DEGREES = 0.125
"""Offset of the grid of areas from that of the spatial evaluation, whose second grid has an offset of 0.25."""

_TEACHING = (boosters, cross_fitting, experts, located, neighbours, places)
"""Modules whose code says how good a mixture is."""
_LEARNING = (*_TEACHING, columns, fitting, intervals, network, network_training, pipeline, synthetic_rows, teacher)
"""Modules whose code says how good a student is."""

Pairs = list[list[tuple[Indices, Indices]]]
"""A fold at random and a fold by area each: what to learn from and what to hold out."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """The training rows."""

    rows: Rows
    """Raw, shape (n, 9)."""
    prices: Prices
    """Their prices in USD, shape (n,)."""
    sha256: str
    """Hash of their table."""


class MixtureObjective:
    """Measures hyper-parameters of one mixture on one table of training rows."""

    candidate = MIXTURE
    """Whose parameters they are."""

    def __init__(self, params: TrainParams, known: Known) -> None:
        """Part the rows.

        Raises:
            ParameterError: the parameters have no mixture of experts, or invalid ones for it.
        """
        self.seed, self._known = params.seed, known
        self._whole = flat(MixtureParams.of(MIXTURE, _stored(MIXTURE, params)).model_dump())
        self._pairs = _pairs(known.rows, params.seed)
        self.steps = len(self._pairs)
        self.stored: dict[str, Value] = _searched(self._whole)
        """The hyper-parameters that can be searched, as they are stored, by flat name; the others are left alone."""

    def measure(self, values: Mapping[str, Value]) -> Iterator[Errors]:
        """Measure hyper-parameters, by flat name: errors after each pair of folds, the last of them final."""
        mixture = MixtureParams.of(MIXTURE, nested({**self._whole, **values}))
        measured = []
        for pair in self._pairs:
            folds = cross_fit(mixture, self._known.rows, self._known.prices, pair, self.seed)
            measured.append([Metrics.of(self._known.prices[fold.rows], fold.estimate.prices).rmse for fold in folds])
            yield _errors(measured)

    def fingerprint(self) -> str:
        """Hash what makes errors comparable: data, seed, folds, code, and what is not searched."""
        return _fingerprint(self._known, self.seed, self._whole, _TEACHING)


class StudentObjective:
    """Measures hyper-parameters of a student of the stored mixture."""

    candidate = STUDENT
    """Whose parameters they are."""

    def __init__(self, params: TrainParams, known: Known, report: Callable[[str], object]) -> None:
        """Part the rows; `report` is called with the progress of the teacher, which is fitted before the first trial.

        Raises:
            ParameterError: the parameters have no mixture of experts or no student, or one that cannot be.
        """
        self.seed, self._known, self._report = params.seed, known, report
        self._mixture = MixtureParams.of(MIXTURE, _stored(MIXTURE, params))
        self._whole = flat(StudentParams.of(STUDENT, _stored(STUDENT, params)).model_dump())
        self._pairs = _pairs(known.rows, params.seed)
        self.steps = len(self._pairs)
        self.stored: dict[str, Value] = _searched(self._whole)
        """The hyper-parameters that can be searched, as they are stored, by flat name; the others are left alone."""
        self._taught = cache(self._teach)

    def measure(self, values: Mapping[str, Value]) -> Iterator[Errors]:
        """Measure hyper-parameters, by flat name: errors after each pair of folds, the last of them final."""
        folds, expected = self._taught()
        params = StudentParams.of(STUDENT, nested({**self._whole, **values}))
        fit = partial(self._error, StudentFitting.of(params, self._mixture, expected, self.seed))
        measured = []
        for pair in zip(*folds, strict=True):
            with threadpool_limits(1, user_api="blas"), ThreadPoolExecutor(THREADS) as pool:
                measured.append(list(pool.map(fit, pair)))
            yield _errors(measured)

    def fingerprint(self) -> str:
        """Hash what makes errors comparable: data, seed, folds, code, and what is not searched."""
        fixed = {f"{MIXTURE}.{name}": value for name, value in flat(self._mixture.model_dump()).items()}
        return _fingerprint(self._known, self.seed, {**self._whole, **fixed}, _LEARNING)

    def _teach(self) -> tuple[tuple[list[Fold], list[Fold]], IntervalModel]:
        """Fit the experts without each fold, once for all trials, and intervals to their errors."""
        kinds = [list(folds) for folds in zip(*self._pairs, strict=True)]
        parts, priced = [fold for folds in kinds for fold in folds], list[Fold]()
        for fold in cross_fit(self._mixture, self._known.rows, self._known.prices, parts, self.seed):
            priced.append(fold)
            self._report(f"teacher, fold {len(priced)} of {len(parts)}")
        at_random, by_area = priced[: self.steps], priced[self.steps :]
        held_out = pooled(self._known.prices, at_random, by_area)
        return (at_random, by_area), IntervalModel.fit(self._mixture.interval, held_out, self.seed).intervals

    def _error(self, student_fitting: StudentFitting, fold: Fold) -> float:
        rows, prices = self._known.rows, self._known.prices
        learnt = np.setdiff1d(np.arange(len(rows)), fold.rows)
        student = student_fitting.fit(fold.experts, rows[learnt], prices[learnt], lambda: None)
        return Metrics.of(prices[fold.rows], student.predict(rows[fold.rows])).rmse


def objective(
    candidate: str, params: TrainParams, known: Known, report: Callable[[str], object]
) -> MixtureObjective | StudentObjective:
    """Prepare to measure hyper-parameters of a candidate, `MIXTURE` or `STUDENT`; `report` shows slow preparations.

    Raises:
        ParameterError: the parameters have no such candidate, or one that cannot be.
    """
    return StudentObjective(params, known, report) if candidate == STUDENT else MixtureObjective(params, known)


def _stored(candidate: str, params: TrainParams) -> Mapping[str, Any]:
    if candidate not in params.candidates:
        raise ParameterError(f"train.candidates has no {candidate}, whose parameters are searched or needed for it")
    return params.candidates[candidate]


def _searched(whole: Mapping[str, Any]) -> dict[str, Value]:
    return {name: legible(whole[name]) for name in SPACE if name in whole}


def _errors(measured: list[list[float]]) -> Errors:
    """Average the errors of pairs of folds."""
    at_random, by_area = np.mean(measured, axis=0).round(2).tolist()
    return Errors(at_random=at_random, by_area=by_area)


def _fingerprint(known: Known, seed: int, whole: Mapping[str, Any], modules: tuple[ModuleType, ...]) -> str:
    searched = _searched(whole)
    shared = {
        "data": known.sha256,
        "seed": seed,
        "folds": [FOLDS, OFFSET_DEGREES],
        "space": {name: asdict(SPACE[name]) for name in searched},
        "fixed": {name: value for name, value in whole.items() if name not in searched},
        "code": [hashlib.sha256(Path(str(each.__file__)).read_bytes()).hexdigest() for each in modules],
    }
    return hashlib.sha256(json.dumps(shared, sort_keys=True).encode()).hexdigest()


def _pairs(rows: Rows, seed: int) -> Pairs:
    """Part rows into pairs of a fold at random and a fold by area, each what to learn from and what to hold out."""
    by_area = area_folds(rows, FOLDS, OFFSET_DEGREES)
    return [list(pair) for pair in zip(random_folds(rows, len(by_area), seed), by_area, strict=True)]
