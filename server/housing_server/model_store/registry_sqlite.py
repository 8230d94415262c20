"""A registry in a SQLite file, read without MLflow."""

import sqlite3
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from housing_server.errors import ModelNotFound, RegistryUnavailable
from housing_server.model_store.local_files import copy_local
from housing_server.model_store.registry import RegisteredVersion, Run
from housing_server.model_store.registry_file import opened
from housing_server.model_store.uri import ModelUri

_VERSION = (
    "SELECT versions.name, versions.version, versions.run_id, "
    # MLflow 3 registers a logged model by its id, and keeps where its files are beside it.
    "COALESCE(versions.storage_location, models.artifact_location, versions.source) "
    "FROM model_versions AS versions "
    "LEFT JOIN logged_models AS models ON versions.source = 'models:/' || models.model_id "
)
_BY_ALIAS = (
    f"{_VERSION}JOIN registered_model_aliases AS aliases USING (name, version) "
    "WHERE versions.name = ? AND aliases.alias = ?"
)
_BY_NUMBER = (
    f"{_VERSION}WHERE versions.name = ? AND versions.version = ? "
    "AND versions.current_stage <> 'Deleted_Internal'"  # how MLflow marks deleted versions
)
_RUN = "SELECT start_time FROM runs WHERE run_uuid = ?"
_TAGS = "SELECT key, value FROM tags WHERE run_uuid = ?"
_METRICS = "SELECT key, value FROM latest_metrics WHERE run_uuid = ? AND NOT is_nan"


class SqliteRegistry:
    """A registry in a SQLite file; see `Registry`."""

    def __init__(self, path: Path) -> None:
        """Set the path of the file; it is opened for each query, and never changed."""
        self._path = path

    def find(self, model: ModelUri) -> RegisteredVersion:
        """Return the version that a URI names."""
        found = self._read(_BY_ALIAS if model.alias else _BY_NUMBER, model.name, model.alias or model.version)
        if not found:
            raise ModelNotFound(f"the registry has no {model}")
        name, version, run_id, location = found[0]
        return RegisteredVersion(name=name, version=str(version), run_id=run_id or "", location=location)

    def run(self, run_id: str) -> Run:
        """Return a run."""
        found = self._read(_RUN, run_id)
        if not found:
            raise RegistryUnavailable(f"the model registry at {self._path} has no run {run_id}")
        tags, metrics = dict(self._read(_TAGS, run_id)), dict(self._read(_METRICS, run_id))
        return Run(run_id=run_id, start_time=found[0][0], tags=tags, metrics=metrics)

    def download(self, version: RegisteredVersion, destination: Path) -> Path:
        """Copy a version's files, which may have moved together with the registry."""
        return copy_local(version, destination, self._path)

    def _read(self, query: str, *values: str) -> Sequence[tuple[Any, ...]]:
        try:
            with opened(self._path) as database:
                return database.execute(query, values).fetchall()
        except sqlite3.Error as error:
            raise RegistryUnavailable(f"the model registry at {self._path} cannot be read: {error}") from error
