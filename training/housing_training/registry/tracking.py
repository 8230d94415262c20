"""Where MLflow keeps its records; nothing here imports MLflow, which is slow."""

import os
from collections.abc import MutableMapping
from pathlib import Path

from housing.sqlite_uris import sqlite_path, sqlite_uri

DATABASE = Path("var/mlflow.db")
"""The store that is used unless `MLFLOW_TRACKING_URI` names another, relative to the working directory."""
QUIET = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_LOGGING_LEVEL": "WARNING",
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "3",
    "GIT_PYTHON_REFRESH": "quiet",
    "ORT_DISABLE_TELEMETRY": "1",
}
"""Settings that turn off telemetry, chatter and long retries; what the user has set wins."""


def tracking_uri() -> str:
    """Return the store's address: the value of `MLFLOW_TRACKING_URI`, or the local database."""
    return os.environ.get("MLFLOW_TRACKING_URI") or sqlite_uri(DATABASE)


def artifact_location(uri: str) -> str | None:
    """Return where artifacts go: beside a local database; None if a server decides."""
    database = sqlite_path(uri)
    return (database.absolute().parent / "mlartifacts").as_uri() if database is not None else None


def quieten(environment: MutableMapping[str, str]) -> None:
    """Apply `QUIET`; call it before MLflow is imported."""
    for name, value in QUIET.items():
        environment.setdefault(name, value)
