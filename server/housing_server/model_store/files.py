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
"""Beside a fetched model's files: its `housing.v1.Model` description as JSON."""

GRAPH_FILE = "model.onnx"
"""The graph, where the model is one."""


def read_description(folder: Path) -> Model:
    """Read what the registry said about a fetched model."""
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
        f"version {description.version} of {description.name} is no graph but a pyfunc model, which runs its own code "
        "when it is loaded: register a graph, or set HOUSING_ALLOW_PYFUNC=1 if all who may register models are trusted",
        folder.name,
    )


def read_profile(folder: Path) -> ModelProfile | None:
    """Read the profile that training has kept with a fetched model; None when it has kept none."""
    try:
        return profile_from_json((folder / PROFILE_FILE).read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except ValueError as error:
        raise ModelRejected(f"{folder / PROFILE_FILE} cannot be read: {error}") from error


def read_card(folder: Path) -> str | None:
    """Read the card that training has written for a fetched model; None when it has written none."""
    try:
        return (folder / CARD_FILE).read_text(encoding="utf-8")
    except FileNotFoundError:
        return None
    except ValueError as error:
        raise ModelRejected(f"{folder / CARD_FILE} cannot be read: {error}") from error
