"""How each kind of candidate is cross-validated and fitted."""

from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Protocol

from housing_training.candidates import build_candidate
from housing_training.cross_fitting import THREADS, Indices, calibrate, random_folds
from housing_training.domain import TrainingDomain
from housing_training.experts import Experts, Rows
from housing_training.metrics import Metrics
from housing_training.mixture import MixturePipeline
from housing_training.params import MIXTURE, MixtureParams, TrainParams
from housing_training.pipeline import Pipeline, PricePipeline
from housing_training.places import PlaceTable


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

    def fit(self, rows: Rows, prices: Rows, advance: Callable[[], object]) -> Fitted:
        """Cross-validate and fit on rows, shape (n, 9), and prices in USD, shape (n,)."""


def recipe(name: str, params: TrainParams) -> Recipe:
    """Find the recipe of a candidate.

    Raises:
        ParameterError: there is no such candidate, or it does not know one of the hyper-parameters.
    """
    hyper_parameters = params.candidates[name]
    if name == MIXTURE:
        return MixtureRecipe(MixtureParams.of(name, hyper_parameters), params)
    return EstimatorRecipe(name, hyper_parameters, params)


class EstimatorRecipe:
    """Features and an estimator."""

    def __init__(self, name: str, hyper_parameters: Mapping[str, Any], params: TrainParams) -> None:
        self._name, self._hyper_parameters, self._params = name, hyper_parameters, params
        self.steps = params.folds + 1

    def fit(self, rows: Rows, prices: Rows, advance: Callable[[], object]) -> Fitted:
        """Cross-validate and fit on rows, shape (n, 9), and prices in USD, shape (n,)."""

        def measure(fold: tuple[Indices, Indices]) -> Metrics:
            learnt, held_out = fold
            fitted = self._fit(rows[learnt], prices[learnt])
            return Metrics.of(prices[held_out], fitted.predict(rows[held_out]))

        folds = []
        with ThreadPoolExecutor(THREADS) as pool:
            for metrics in pool.map(measure, random_folds(rows, self._params.folds, self._params.seed)):
                folds.append(metrics)
                advance()
        pipeline = self._fit(rows, prices)
        advance()
        return Fitted(pipeline=pipeline, cross_validated=Metrics.mean(folds))

    def _fit(self, rows: Rows, prices: Rows) -> PricePipeline:
        return PricePipeline.fit(build_candidate(self._name, self._hyper_parameters, self._params.seed), rows, prices)


class MixtureRecipe:
    """The mixture of experts; the folds of its cross-validation are what its intervals are learnt from, too."""

    def __init__(self, mixture: MixtureParams, params: TrainParams) -> None:
        self._mixture, self._params = mixture, params
        self.steps = params.folds + mixture.interval.area_folds + 3

    def fit(self, rows: Rows, prices: Rows, advance: Callable[[], object]) -> Fitted:
        """Cross-validate and fit on rows, shape (n, 9), and prices in USD, shape (n,)."""
        calibrated = calibrate(self._mixture, self._params, rows, prices, advance)
        experts = Experts.fit(self._mixture, rows, prices, self._params.seed)
        advance()
        pipeline = MixturePipeline(
            experts=experts,
            intervals=calibrated.intervals,
            domain=TrainingDomain.fit(rows),
            table=PlaceTable.of(experts.neighbourhood),
            coverage=self._mixture.interval.coverage,
        )
        advance()
        return Fitted(pipeline=pipeline, cross_validated=calibrated.cross_validated)
