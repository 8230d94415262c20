"""From the files of a fetched model to a model that is ready to answer."""

from pathlib import Path

import numpy as np

from housing.contract import FEATURES, message_from_mapping, row_from_message
from housing.example import BERKELEY
from housing_server.core.model import Model, Rows
from housing_server.errors import ModelRejected
from housing_server.model_store.files import GRAPH_FILE, read_card, read_description, read_profile
from housing_server.models.golden import replay
from housing_server.models.onnx import OnnxModel


def load_model(folder: Path) -> Model:
    """Load a fetched model, warm, and proven to answer as it did when it was made.

    Raises:
        ModelRejected: its files are damaged, do not fit the contract, or its golden requests are answered otherwise.
    """
    description = read_description(folder)
    model: Model
    if description.runtime == "onnx":
        model = OnnxModel(folder / GRAPH_FILE, description)
    else:
        # Importing MLflow costs 250 MB and seconds: only a worker that needs it pays.
        from housing_server.models.pyfunc import PyfuncModel  # noqa: PLC0415

        model = PyfuncModel(folder, description)
    model.profile = read_profile(folder)
    model.card = read_card(folder)
    warm_up(model)
    replay(model, folder)
    return model


def example_rows() -> Rows:
    """Give two valid rows: one with all fields, and one without those that may be left out."""
    example = row_from_message(message_from_mapping(BERKELEY))
    sparse = [value if feature.required else np.nan for feature, value in zip(FEATURES, example, strict=True)]
    return np.array([example, sparse])


def warm_up(model: Model) -> None:
    """Run a model once, so that the first call is not slower.

    Raises:
        ModelRejected: it fails, or its answer is not one finite price a row.
    """
    rows = example_rows()
    try:
        prices = model.estimate(rows).median_house_value
    except Exception as error:  # whatever a foreign model raises, it cannot be served
        raise ModelRejected(f"{_name(model)} fails on a valid row: {error}") from error
    if prices.shape != (len(rows),) or not np.isfinite(prices).all():
        raise ModelRejected(f"{_name(model)} must answer one finite price a row, not {prices!r}")


def _name(model: Model) -> str:
    return f"{model.description.name} version {model.description.version}"
