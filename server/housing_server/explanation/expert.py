"""An expert: a booster that says which of its columns adds what."""

from __future__ import annotations

from concurrent.futures import Executor
from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from housing_server.errors import ModelRejected
from housing_server.explanation.files import ExpertFile

if TYPE_CHECKING:
    import xgboost


class Reasons(NamedTuple):
    """Why an expert says what it says about n rows."""

    contributions: NDArray[np.float64]
    """USD that each column adds, shape (n, columns it reads)."""
    base: float
    """USD that it says without looking at any; the same for all rows."""


class Expert:
    """A booster in XGBoost, cut in two halves for two threads: what trees contribute adds up."""

    def __init__(self, file: ExpertFile, threads: Executor) -> None:
        """Load it.

        Args:
            file: the booster.
            threads: what the halves are explained on.

        Raises:
            ModelRejected: the file is no booster, or one that reads other columns.
        """
        booster = _load(file)
        self._halves = _halves(booster)
        self._threads = threads
        self._columns = file.columns
        self._base = float(_explained(booster, np.zeros((1, file.columns), np.float32))[0, -1])

    def reasons(self, matrix: NDArray[np.float32]) -> Reasons:
        """Tell why it says what it says about rows, by TreeSHAP (Lundberg et al., Nature Machine Intelligence 2, 2020).

        Args:
            matrix: what all experts read, float32, shape (n, columns).
        """
        columns = matrix[:, : self._columns]
        told = list(self._threads.map(lambda part: _explained(part, columns)[:, :-1], self._halves))
        return Reasons(np.sum(told, axis=0), self._base)


def _load(file: ExpertFile) -> xgboost.Booster:
    import xgboost  # noqa: PLC0415 - SciPy comes with it: only the process that explains pays for both

    try:
        booster = xgboost.Booster(model_file=file.path)
    except xgboost.core.XGBoostError as error:
        reason = str(error).splitlines()[0]
        raise ModelRejected(f"{file.path} is not a booster that XGBoost can load: {reason}") from error
    if booster.num_features() != file.columns:
        raise ModelRejected(f"{file.path} reads {booster.num_features()} columns, not {file.columns}")
    return _alone(booster)


def _halves(booster: xgboost.Booster) -> list[xgboost.Booster]:
    """Cut a booster in two; it alone would explain a row on one thread, however many it may have."""
    rounds = booster.num_boosted_rounds()
    cuts = sorted({0, rounds // 2, rounds})
    return [_alone(booster[first:last]) for first, last in pairwise(cuts)]


def _alone(booster: xgboost.Booster) -> xgboost.Booster:
    """Have a booster start no threads of its own."""
    booster.set_param({"nthread": 1})
    return booster


def _explained(booster: xgboost.Booster, columns: NDArray[np.float32]) -> NDArray[np.float64]:
    """Tell the contribution of each column, and last what is said without any: shape (n, columns + 1)."""
    import xgboost  # noqa: PLC0415 - as above

    return booster.predict(xgboost.DMatrix(columns, nthread=1), pred_contribs=True).astype(np.float64)
