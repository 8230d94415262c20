"""The files of a fetched model: the registry process writes them, supervisor and workers read them."""

from pathlib import Path

from google.protobuf import json_format

from housing.v1.model_service_pb2 import Model
from housing_server.errors import ModelRejected

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
