"""Loading of a fetched model until it is ready to predict."""

from pathlib import Path

import numpy as np

from housing.example import BERKELEY
from housing.features import FEATURES
from housing.rows import message_from_mapping, row_from_message
from housing.v1.model_service_pb2 import Model as ModelDescription
from housing_server.core.isolation import sound_rows
from housing_server.core.model import LoadedModel, PriceModel, Rows
from housing_server.errors import ModelRejected
from housing_server.model_store.files import GRAPH_FILE, read_allowed, read_card, read_profile
from housing_server.models.golden import replay
from housing_server.models.onnx import OnnxModel


def load_model(folder: Path, *, allow_pyfunc: bool = False) -> LoadedModel:
    """Load a fetched model, warm it up, and replay its golden requests.

    Args:
        folder: the folder with its files.
        allow_pyfunc: whether models that run code of their own when loaded are allowed.

    Raises:
        ModelNotAllowed: it is such a model, and these are not allowed; none of its code has run.
        ModelRejected: its files are damaged, do not fit the contract, or a golden request is answered differently.
    """
    description = read_allowed(folder, allow_pyfunc=allow_pyfunc)
    model: PriceModel
    if description.runtime == "onnx":
        model = OnnxModel(folder / GRAPH_FILE, description)
    else:
        model = _pyfunc(folder, description)
    warm_up(model)
    replay(model, folder)
    return LoadedModel(predictor=model, profile=read_profile(folder), card=read_card(folder))


def _pyfunc(folder: Path, description: ModelDescription) -> PriceModel:
    # Importing MLflow costs 250 MB and seconds, so only workers that need it do.
    try:
        from housing_server.models.pyfunc import PyfuncModel  # noqa: PLC0415
    except ModuleNotFoundError as error:
        raise ModelRejected(f"running a pyfunc model requires {error.name}: pip install '.[registry]'") from error

    return PyfuncModel(folder, description)


def example_rows() -> Rows:
    """Return two valid rows: one with all fields, and one without the optional ones."""
    example = row_from_message(message_from_mapping(BERKELEY))
    sparse = [value if feature.required else np.nan for feature, value in zip(FEATURES, example, strict=True)]
    return np.array([example, sparse])


def warm_up(model: PriceModel) -> None:
    """Run a model once, so that the first call is not slower.

    Raises:
        ModelRejected: it fails, or its outputs are not sound.
    """
    rows = example_rows()
    try:
        unsound = sound_rows(model.estimate(rows), len(rows), len(model.warnings)) is not None
    except Exception as error:  # a model may raise anything; it cannot be served
        raise ModelRejected(f"{_name(model)} fails on a valid row: {error}") from error
    if unsound:
        raise ModelRejected(f"{_name(model)} must return one finite price per row")


def _name(model: PriceModel) -> str:
    return f"{model.description.name} version {model.description.version}"
