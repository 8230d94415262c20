"""The estimators that are tried on engineered features, simple ones first."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn.base import RegressorMixin
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import RandomForestRegressor
from sklearn.linear_model import LinearRegression
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeRegressor

from housing_training.errors import ParameterError
from housing_training.experts.boosters import build_booster
from housing_training.features.rounding import legible
from housing_training.features.transform import REDUNDANT_COLUMNS

FOREST_THREADS = 2
"""Threads that grow a forest's trees; the trees are the same with any number."""


def build_candidate(name: str, hyper_parameters: Mapping[str, Any], seed: int) -> RegressorMixin:
    """Build an estimator, not fitted yet.

    Raises:
        ParameterError: the candidate or one of its hyper-parameters is unknown.
    """
    if name not in _BUILDERS:
        raise ParameterError(f"train.candidates: {name} is unknown; candidates are {', '.join(_BUILDERS)}")
    try:
        return _BUILDERS[name](seed, **hyper_parameters)
    except TypeError as error:
        raise ParameterError(f"train.candidates.{name}: {error}") from error


def round_coefficients(estimator: RegressorMixin) -> None:
    """Round what a fitted estimator got from linear algebra, whose last digits depend on the processor."""
    if not isinstance(estimator, Pipeline):
        return
    scaler, regression = estimator[0].named_transformers_["scale"], estimator[-1]
    for step, names in ((scaler, ("mean_", "scale_", "var_")), (regression, ("coef_", "intercept_"))):
        for name in names:
            setattr(step, name, legible(getattr(step, name)))


def _xgboost(seed: int, **hyper_parameters: Any) -> RegressorMixin:
    return build_booster(hyper_parameters, seed)


def _linear_regression(_seed: int, **hyper_parameters: Any) -> RegressorMixin:
    # Columns that are sums of others would make the coefficients arbitrary.
    scaled = ColumnTransformer([("scale", StandardScaler(), _independent_columns)])
    return make_pipeline(scaled, LinearRegression(**hyper_parameters))


def _independent_columns(x: npt.NDArray[np.float64]) -> list[int]:
    return list(range(x.shape[1] - REDUNDANT_COLUMNS))


def _decision_tree(seed: int, **hyper_parameters: Any) -> RegressorMixin:
    return DecisionTreeRegressor(random_state=seed, **hyper_parameters)


def _random_forest(seed: int, **hyper_parameters: Any) -> RegressorMixin:
    return RandomForestRegressor(random_state=seed, n_jobs=FOREST_THREADS, **hyper_parameters)


_BUILDERS: Mapping[str, Callable[..., RegressorMixin]] = {
    "linear_regression": _linear_regression,
    "decision_tree": _decision_tree,
    "random_forest": _random_forest,
    "xgboost": _xgboost,
}
