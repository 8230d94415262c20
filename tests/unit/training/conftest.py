"""Small tables of made-up block groups, and a small mixture of experts fitted on one."""

from typing import Any

import numpy as np
import pandas as pd
import pytest

from housing_training.candidates.recipes import Fitted, recipe
from housing_training.data.preparation import fill_ocean_proximity
from housing_training.data.table import COLUMNS, prices_from_frame, rows_from_frame
from housing_training.experts.mixture import MixturePipeline
from housing_training.params.schema import MIXTURE, STUDENT, TrainParams

_QUICK: dict[str, Any] = {"n_estimators": 20, "max_depth": 4, "learning_rate": 0.2}
QUICK_MIXTURE: dict[str, Any] = {
    "local": _QUICK,
    "regional": _QUICK,
    "rounds_without_place": 5,
    "gate": {"midpoint": 3, "steepness": 2},
    "holes": {"share": 0.5, "weight": 0.5, "nearest_km": 3, "farthest_km": 40},
    "interval": {"coverage": 0.9, "area_folds": 2, "error": _QUICK},
}
"""A mixture that is fitted in a moment."""
_QUICK_NETWORK: dict[str, Any] = {
    "hidden": [16, 16],
    "epochs": 8,
    "batch": 64,
    "learning_rate": 0.01,
    "weight_decay": 0.01,
    "averaging": 0.98,
}
QUICK_STUDENT: dict[str, Any] = {
    "rows": 6_000,
    "network": _QUICK_NETWORK,
    "tutor": _QUICK_NETWORK | {"noise": 0.1},
    "tutor_share": 0.5,
}
"""A student that learns in a moment."""


@pytest.fixture(scope="session")
def made_up() -> pd.DataFrame:
    """300 block groups strewn over California, richer ones dearer, all fields given but `ocean_proximity`."""
    rng = np.random.default_rng(7)
    households = rng.integers(50, 900, 300).astype(float)
    rooms = (households * rng.uniform(3, 8, 300)).round()
    income = rng.uniform(0.5, 12, 300).round(4)
    frame = pd.DataFrame(
        {
            "longitude": rng.uniform(-123.5, -116, 300).round(2),
            "latitude": rng.uniform(33, 41, 300).round(2),
            "housing_median_age": rng.integers(1, 52, 300).astype(float),
            "total_rooms": rooms,
            "total_bedrooms": (rooms * 0.2).round(),
            "population": (households * rng.uniform(1.5, 4, 300)).round(),
            "households": households,
            "median_income": income,
            "ocean_proximity": pd.Series([None] * 300, dtype="str"),
            "median_house_value": (income * 35_000 + rng.normal(0, 10_000, 300)).clip(15_000).round(),
        }
    )
    return frame[list(COLUMNS)]


@pytest.fixture
def table(made_up: pd.DataFrame) -> pd.DataFrame:
    """A copy of them that a test may change."""
    return made_up.copy()


@pytest.fixture(scope="session")
def mixture_params() -> TrainParams:
    """Parameters that train a quick mixture and nothing else."""
    return TrainParams(seed=1, folds=2, candidates={MIXTURE: QUICK_MIXTURE})


@pytest.fixture(scope="session")
def student_params(mixture_params: TrainParams) -> TrainParams:
    """Parameters that train a quick mixture and its quick student."""
    return mixture_params.model_copy(update={"candidates": {MIXTURE: QUICK_MIXTURE, STUDENT: QUICK_STUDENT}})


@pytest.fixture(scope="session")
def student_fitted(made_up: pd.DataFrame, student_params: TrainParams) -> Fitted:
    """The quick student of the quick mixture, fitted on the made-up block groups."""
    rows, prices = rows_from_frame(fill_ocean_proximity(made_up)), prices_from_frame(made_up)
    return recipe(STUDENT, student_params).fit(rows, prices, lambda: None)


@pytest.fixture(scope="session")
def mixture(made_up: pd.DataFrame, mixture_params: TrainParams) -> MixturePipeline:
    """The quick mixture, fitted on the made-up block groups."""
    rows, prices = rows_from_frame(fill_ocean_proximity(made_up)), prices_from_frame(made_up)
    pipeline = recipe(MIXTURE, mixture_params).fit(rows, prices, lambda: None).pipeline
    assert isinstance(pipeline, MixturePipeline)
    return pipeline
