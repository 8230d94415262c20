"""How each kind of candidate is cross-validated and fitted."""

from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from threadpoolctl import threadpool_limits

from housing_training.candidates.estimators import build_candidate
from housing_training.candidates.pipeline import Pipeline, PricePipeline
from housing_training.data.rows import Prices, Rows
from housing_training.experts.cross_fitting import THREADS, Calibrated, Fold, Indices, calibrate, random_folds
from housing_training.experts.experts import Experts
from housing_training.experts.intervals import IntervalModel
from housing_training.experts.mixture import MixturePipeline
from housing_training.features.domain import TrainingDomain
from housing_training.geography.places import PlaceTable
from housing_training.metrics.prices import Metrics
from housing_training.params.schema import MIXTURE, STUDENT, MixtureParams, StudentParams, TrainParams
from housing_training.student.fitting import StudentFitting
from housing_training.student.pipeline import StudentPipeline


@dataclass(frozen=True, slots=True, kw_only=True)
class Fitted:
    """A candidate fitted on all training rows."""

    pipeline: Pipeline
    """The candidate."""
    cross_validated: Metrics
    """Mean over the folds of a cross-validation."""


class Recipe(Protocol):
    """A way to fit a candidate."""

    steps: int
    """How often it reports progress."""

    def fit(self, rows: Rows, prices: Prices, advance: Callable[[], object]) -> Fitted:
        """Cross-validate and fit on rows, shape (n, 9), and prices in USD, shape (n,)."""


def recipes(params: TrainParams) -> dict[str, Recipe]:
    """Return the recipes of all candidates by name; the student's reuses what the mixture's has fitted.

    Raises:
        ParameterError: a candidate or one of its hyper-parameters is unknown.
    """
    mixture = _mixture_recipe(params) if {MIXTURE, STUDENT} & set(params.candidates) else None
    found: dict[str, Recipe] = {}
    for name, hyper_parameters in params.candidates.items():
        if name == MIXTURE and mixture:
            found[name] = mixture
        elif name == STUDENT and mixture:
            found[name] = StudentRecipe(StudentParams.of(name, hyper_parameters), mixture)
        else:
            found[name] = EstimatorRecipe(name, hyper_parameters, params)
    return found


def recipe(name: str, params: TrainParams) -> Recipe:
    """Return the recipe of one candidate.

    Raises:
        ParameterError: a candidate or one of its hyper-parameters is unknown.
    """
    return recipes(params)[name]


def _mixture_recipe(params: TrainParams) -> "MixtureRecipe":
    return MixtureRecipe(MixtureParams.of(MIXTURE, params.candidates.get(MIXTURE, {})), params)


class EstimatorRecipe:
    """Features and an estimator."""

    def __init__(self, name: str, hyper_parameters: Mapping[str, Any], params: TrainParams) -> None:
        self._name, self._hyper_parameters, self._params = name, hyper_parameters, params
        self.steps = params.folds + 1

    def fit(self, rows: Rows, prices: Prices, advance: Callable[[], object]) -> Fitted:
        """Cross-validate and fit on rows, shape (n, 9), and prices in USD, shape (n,)."""

        def measure(fold: tuple[Indices, Indices]) -> Metrics:
            learnt, held_out = fold
            fitted = self._fit(rows[learnt], prices[learnt])
            return Metrics.of(prices[held_out], fitted.predict(rows[held_out]))

        folds = []
        with ThreadPoolExecutor(THREADS) as pool:
            # First, since it takes longest: then both threads end at about the same time.
            whole = pool.submit(self._fit, rows, prices)
            for metrics in pool.map(measure, random_folds(rows, self._params.folds, self._params.seed)):
                folds.append(metrics)
                advance()
            pipeline = whole.result()
        advance()
        return Fitted(pipeline=pipeline, cross_validated=Metrics.mean(folds))

    def _fit(self, rows: Rows, prices: Prices) -> PricePipeline:
        return PricePipeline.fit(build_candidate(self._name, self._hyper_parameters, self._params.seed), rows, prices)


class MixtureRecipe:
    """The mixture of experts; the folds of its cross-validation are what its intervals are learnt from, too."""

    def __init__(self, mixture: MixtureParams, params: TrainParams) -> None:
        self.mixture, self.params = mixture, params
        self.steps = params.folds + mixture.interval.area_folds + 3
        self._taught: _Taught | None = None

    def fit(self, rows: Rows, prices: Prices, advance: Callable[[], object]) -> Fitted:
        """Cross-validate and fit on rows, shape (n, 9), and prices in USD, shape (n,)."""
        taught = self.taught(rows, prices, advance)
        pipeline = MixturePipeline(
            experts=taught.experts,
            intervals=taught.calibrated.intervals,
            domain=TrainingDomain.fit(rows),
            table=taught.table,
            coverage=self.mixture.interval.coverage,
        )
        advance()
        return Fitted(pipeline=pipeline, cross_validated=taught.calibrated.cross_validated)

    def taught(self, rows: Rows, prices: Prices, advance: Callable[[], object]) -> "_Taught":
        """Cross-validate and fit the experts on rows, or return what was fitted on the same rows before."""
        if self._taught is None or self._taught.rows is not rows:
            with ThreadPoolExecutor(1) as beside:
                whole = beside.submit(self._whole, rows, prices)
                calibrated = calibrate(self.mixture, self.params, rows, prices, advance)
                experts, table = whole.result()
            advance()
            self._taught = _Taught(rows=rows, calibrated=calibrated, experts=experts, table=table)
        return self._taught

    def _whole(self, rows: Rows, prices: Prices) -> tuple[Experts, PlaceTable]:
        experts = Experts.fit(self.mixture, rows, prices, self.params.seed)
        return experts, PlaceTable.of(experts.neighbourhood)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Taught:
    """What a mixture has learnt."""

    rows: Rows
    """The rows that it has learnt from."""
    calibrated: Calibrated
    """What was learnt from rows held out in turn."""
    experts: Experts
    """The experts, fitted on all rows."""
    table: PlaceTable
    """What they know about places."""


class StudentRecipe:
    """A student of the mixture of experts, and a rehearsal with a part of the rows held out, at the same time."""

    def __init__(self, student: StudentParams, mixture: MixtureRecipe) -> None:
        self._student, self._mixture = student, mixture
        self.steps = 2 * student.network.epochs

    def fit(self, rows: Rows, prices: Prices, advance: Callable[[], object]) -> Fitted:
        """Cross-validate and fit on rows, shape (n, 9), and prices in USD, shape (n,).

        One fold is rehearsed. What the student and its teacher differ by there is what they are taken to differ by on
        all folds.
        """
        taught = self._mixture.taught(rows, prices, lambda: None)
        calibrated, fold = taught.calibrated, taught.calibrated.rehearsal
        fitting, rehearsing = map(self._fitting, (calibrated.intervals, calibrated.rehearsed_intervals))
        learnt = np.setdiff1d(np.arange(len(rows)), fold.rows)
        with threadpool_limits(1, user_api="blas"), ThreadPoolExecutor(THREADS) as pool:
            rehearsed = pool.submit(rehearsing.fit, fold.experts, rows[learnt], prices[learnt], advance)
            student = pool.submit(fitting.fit, taught.experts, rows, prices, advance, taught.table).result()
            rehearsal = rehearsed.result()
        return Fitted(
            pipeline=student.stretched(
                rehearsing.margins(rehearsal, rows[fold.rows], prices[fold.rows], fold.estimate)
            ),
            cross_validated=calibrated.cross_validated.scaled(*_compared(fold, rehearsal, rows, prices)),
        )

    def _fitting(self, intervals: IntervalModel) -> StudentFitting:
        return StudentFitting.of(self._student, self._mixture.mixture, intervals, self._mixture.params.seed)


def _compared(fold: Fold, rehearsal: StudentPipeline, rows: Rows, prices: Prices) -> tuple[Metrics, Metrics]:
    """Measure a rehearsal and its teacher on the fold that neither has learnt from."""
    predictions = (rehearsal.predict(rows[fold.rows]), fold.estimate.prices)
    own, teachers = (Metrics.of(prices[fold.rows], each) for each in predictions)
    return own, teachers
