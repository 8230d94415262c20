"""A registry in a SQLite file."""

import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

from housing_server.errors import ModelRegistryUnavailable
from housing_server.model_store.registry_file import opened
from housing_server.model_versions.version import RegisteredVersion

_VERSIONS = (
    "SELECT version, run_id, creation_time, metrics.value FROM model_versions "
    "LEFT JOIN latest_metrics AS metrics "
    "ON metrics.run_uuid = model_versions.run_id AND metrics.key = 'test_rmse' AND NOT metrics.is_nan "
    "WHERE name = ? AND current_stage <> 'Deleted_Internal' "  # how MLflow marks deleted versions
    "ORDER BY version DESC LIMIT ?"
)
_ALIASES = "SELECT alias, version FROM registered_model_aliases WHERE name = ?"
_EXISTS = "SELECT 1 FROM model_versions WHERE name = ? AND version = ? AND current_stage <> 'Deleted_Internal'"
_MOVE = "UPDATE registered_model_aliases SET version = ? WHERE name = ? AND alias = ?"
_ADD = "INSERT INTO registered_model_aliases (version, name, alias) VALUES (?, ?, ?)"


class SqliteVersions:
    """See `VersionRegistry`."""

    def __init__(self, path: Path) -> None:
        """Set the path of the file; it is opened for each call."""
        self._path = path

    def versions(self, name: str, count: int) -> Sequence[RegisteredVersion]:
        """Return the newest versions of a model, the newest first."""
        with self._opened() as database:
            rows = database.execute(_VERSIONS, (name, count)).fetchall()
        return [
            RegisteredVersion(
                version=str(version), run_id=run_id or "", registered_at_us=(created or 0) * 1000, test_rmse=error
            )
            for version, run_id, created, error in rows
        ]

    def aliases(self, name: str) -> Mapping[str, str]:
        """Return the version that each alias of a model names."""
        with self._opened() as database:
            return {alias: str(version) for alias, version in database.execute(_ALIASES, (name,))}

    def exists(self, name: str, version: str) -> bool:
        """Return whether a model has a version."""
        with self._opened() as database:
            return database.execute(_EXISTS, (name, version)).fetchone() is not None

    def point(self, name: str, alias: str, version: str) -> None:
        """Point an alias at a version."""
        values = (version, name, alias)
        with self._opened("rw") as database:
            if database.execute(_MOVE, values).rowcount == 0:
                database.execute(_ADD, values)
            database.commit()

    @contextmanager
    def _opened(self, mode: Literal["ro", "rw"] = "ro") -> Iterator[sqlite3.Connection]:
        try:
            with opened(self._path, mode) as database:
                yield database
        except sqlite3.Error as error:
            raise ModelRegistryUnavailable(f"the model registry at {self._path} cannot be used: {error}") from error
