"""The adapter for models that are not graphs: any MLflow pyfunc, for example a scikit-learn Pipeline."""

from pathlib import Path

import numpy as np
import pandas as pd
from mlflow.pyfunc import PyFuncModel, load_model

from housing.features import FEATURES
from housing.v1.model_service_pb2 import Model as ModelDescription
from housing.v1.prediction_service_pb2 import Warning as PredictionWarning
from housing_server.core.model import Estimates, Rows, given_labels
from housing_server.errors import ModelRejected


class PyfuncModel:
    """An MLflow model that reads a table with the contract's field names as columns.

    It receives the columns in its signature, or all nine when it has none. Handling missing fields (NaN, or None for
    text) is left to the model: a Pipeline with an imputer can.
    """

    inline = False
    interval_coverage = 0.0
    warnings: tuple[PredictionWarning, ...] = ()

    def __init__(self, folder: Path, description: ModelDescription) -> None:
        """Load a model from its MLflow folder.

        Raises:
            ModelRejected: MLflow cannot load it, or its signature has a column that the contract lacks.
        """
        self.description = description
        try:
            self._model = load_model(str(folder))
        except Exception as error:  # a model's own code and libraries may raise anything
            raise ModelRejected(f"MLflow cannot load {folder}: {error}") from error
        self._columns = _columns(self._model)

    def estimate(self, rows: Rows) -> Estimates:
        """Estimate one price per row."""
        table = pd.DataFrame({feature.name: _column(rows, index) for index, feature in enumerate(FEATURES)})
        prices = np.asarray(self._model.predict(table[self._columns]), dtype=np.float64)
        return Estimates(median_house_value=prices.reshape(len(rows)), ocean_proximity=given_labels(rows))


def _columns(model: PyFuncModel) -> list[str]:
    known = [feature.name for feature in FEATURES]
    schema = model.metadata.get_input_schema()  # type: ignore[no-untyped-call]  # MLflow is typed in parts
    wanted = schema.input_names() if schema is not None and schema.has_input_names() else known
    if unknown := [name for name in wanted if name not in known]:
        raise ModelRejected(f"the model requires columns that the contract does not have: {', '.join(unknown)}")
    return wanted


def _column(rows: Rows, index: int) -> "pd.Series[float] | pd.Series[str]":
    values = pd.Series(rows[:, index])
    choices = FEATURES[index].choices
    if not choices:
        return values
    return pd.Series([None if np.isnan(code) else choices[int(code)] for code in values], dtype=object)
