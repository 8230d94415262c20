"""Fetching of registered models in a separate process: MLflow takes seconds to import and hundreds of megabytes."""

import os
from pathlib import Path

from housing.sqlite_uris import sqlite_uri
from housing_server.system.subprocesses import run_module

_PROGRAM = "housing_server.model_store.mlflow_fetch"


async def fetch_model(model_uri: str, state_dir: Path, *, niceness: int = 0) -> Path:
    """Fetch a registered model into the cache under the state folder.

    Returns:
        The folder with the model's files and its description.

    Raises:
        StartError: the registry, the model or its files are not available; the message says what to do.
    """
    return Path(await run_module(_PROGRAM, model_uri, str(state_dir), niceness=niceness))


def tracking_uri(state_dir: Path) -> str:
    """Return the URI of the tracking store: MLFLOW_TRACKING_URI, or the SQLite store that training uses by default."""
    return os.environ.get("MLFLOW_TRACKING_URI") or sqlite_uri(state_dir / "mlflow.db")


def registry_uri(state_dir: Path) -> str:
    """Return the URI of the model registry: the tracking store, unless MLFLOW_REGISTRY_URI is set."""
    return os.environ.get("MLFLOW_REGISTRY_URI") or tracking_uri(state_dir)
