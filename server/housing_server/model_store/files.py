"""The files of a fetched model: the registry process writes them, supervisor and workers read them."""

from pathlib import Path

from google.protobuf import json_format

from housing.card import FILE as CARD_FILE
from housing.profile import FILE as PROFILE_FILE
from housing.profile import profile_from_json
from housing.v1.model_profile_pb2 import ModelProfile
from housing.v1.model_service_pb2 import Model
from housing_server.errors import ModelNotAllowed, ModelRejected

DESCRIPTION_FILE = "model.json"
"""File name of a fetched model's `housing.v1.Model` description, as JSON."""

GRAPH_FILE = "model.onnx"
"""File name of the graph, if the model is one."""


def read_description(folder: Path) -> Model:
    """Read the description of a fetched model."""
    try:
        text = (folder / DESCRIPTION_FILE).read_text(encoding="utf-8")
        return json_format.Parse(text, Model())
    except (OSError, json_format.ParseError) as error:
        raise ModelRejected(f"{folder} holds no readable {DESCRIPTION_FILE}: {error}") from error


def read_allowed(folder: Path, *, allow_pyfunc: bool) -> Model:
    """Read the description of a model that may be loaded: a graph, or a pyfunc model where these are allowed.

    Raises:
        ModelNotAllowed: loading it would run code from its files.
        ModelRejected: it cannot be read.
    """
    description = read_description(folder)
    if description.runtime == "onnx" or allow_pyfunc:
        return description
    raise ModelNotAllowed(
        f"version {description.version} of {description.name} is a pyfunc model, not a graph, and runs its own code "
        "when loaded: register a graph, or set HOUSING_ALLOW_PYFUNC=1 if everyone who may register models is trusted",
        folder.name,
    )


def read_profile(folder: Path) -> ModelProfile | None:
    """Read the profile of a fetched model; None when it was registered without one."""
    try:
        return profile_from_json((folder / PROFILE_FILE).read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except ValueError as error:
        raise ModelRejected(f"{folder / PROFILE_FILE} cannot be read: {error}") from error


def read_card(folder: Path) -> str | None:
    """Read the card of a fetched model; None when it was registered without one."""
    try:
        return (folder / CARD_FILE).read_text(encoding="utf-8")
    except FileNotFoundError:
        return None
    except ValueError as error:
        raise ModelRejected(f"{folder / CARD_FILE} cannot be read: {error}") from error
