"""BentoML and a scikit-learn Pipeline. MODEL is the Pipeline, WORKERS the number of processes."""

import os
from typing import Any

import bentoml  # pylint: disable=import-error  # only in the peer's own environment
import joblib
import pandas as pd


@bentoml.service(workers=int(os.environ.get("WORKERS", "1")), metrics={"enabled": False})
class HousePrices:
    """The service."""

    def __init__(self) -> None:
        self._model = joblib.load(os.environ["MODEL"])

    @bentoml.api
    def predict(self, block_group: dict[str, Any]) -> float:
        """Predict one block group."""
        return float(self._model.predict(pd.DataFrame([block_group]))[0])
