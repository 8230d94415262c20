"""An expert: a booster that says which of its columns adds what."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from housing_server.errors import ModelRejected
from housing_server.explanation.files import ExpertFile


class Reasons(NamedTuple):
    """Why an expert says what it says about n rows."""

    contributions: NDArray[np.float64]
    """USD that each column adds, shape (n, columns it reads)."""
    base: float
    """USD that it says without looking at any; the same for all rows."""


class Expert:
    """A booster in XGBoost, on the calling thread alone."""

    def __init__(self, file: ExpertFile) -> None:
        """Load it.

        Raises:
            ModelRejected: the file is no booster, or one that reads other columns.
        """
        import xgboost  # noqa: PLC0415 - SciPy comes with it: only the process that explains pays for both

        try:
            self._booster = xgboost.Booster({"nthread": 1}, model_file=file.path)
        except xgboost.core.XGBoostError as error:
            reason = str(error).splitlines()[0]
            raise ModelRejected(f"{file.path} is not a booster that XGBoost can load: {reason}") from error
        if self._booster.num_features() != file.columns:
            raise ModelRejected(f"{file.path} reads {self._booster.num_features()} columns, not {file.columns}")
        self._matrix = xgboost.DMatrix
        self._columns = file.columns

    def reasons(self, matrix: NDArray[np.float32]) -> Reasons:
        """Tell why it says what it says about rows, by TreeSHAP (Lundberg et al., Nature Machine Intelligence 2, 2020).

        Args:
            matrix: what all experts read, float32, shape (n, columns).
        """
        columns = self._matrix(matrix[:, : self._columns], nthread=1)
        told = self._booster.predict(columns, pred_contribs=True).astype(np.float64)
        return Reasons(told[:, :-1], float(told[0, -1]))
