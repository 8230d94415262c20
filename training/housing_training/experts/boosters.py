"""Gradient boosting; no other module imports XGBoost."""

from collections.abc import Mapping
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
from xgboost import XGBRegressor

Booster: TypeAlias = XGBRegressor
"""A booster, fitted or not."""
THREADS = 1
"""The last bits of a boosted model depend on the order in which threads add their sums up, so there is one. Two would
save seconds on an idle machine and cost minutes on a busy one, where they spin waiting for each other."""
DEFAULT_ROUNDS = 100
"""How many rounds a booster has by default, as in XGBoost."""


def build_booster(hyper_parameters: Mapping[str, Any], seed: int) -> Booster:
    """Build gradient boosting, not fitted yet; fitting is deterministic."""
    return XGBRegressor(random_state=seed, n_jobs=THREADS, tree_method="hist", device="cpu", **hyper_parameters)


def run_booster(booster: Booster, matrix: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Run a booster on a matrix, shape (n, columns): float32, shape (n, 1)."""
    estimates: npt.NDArray[np.float32] = booster.predict(matrix)[:, None]
    return estimates
