"""Writing tags of a version into a registry without MLflow: the end of a canary, the one thing that a server writes."""

import sqlite3
from collections.abc import Mapping
from pathlib import Path

from housing.sqlite_uris import sqlite_path
from housing_server.errors import RegistryUnavailable
from housing_server.model_store.registry_file import opened
from housing_server.model_store.tracking_server import TrackingServer

_SET = "INSERT OR REPLACE INTO model_version_tags (key, value, name, version) VALUES (?, ?, ?, ?)"


def set_version_tags(
    registry_uri: str, environment: Mapping[str, str], name: str, version: str, tags: Mapping[str, str]
) -> None:
    """Set tags of a version, in their order, in a registry that is read directly; blocks.

    Raises:
        RegistryUnavailable: the registry is not available, or does not accept it.
    """
    database = sqlite_path(registry_uri)
    try:
        if database is not None:
            _write(database, [(key, value, name, int(version)) for key, value in tags.items()])
            return
        server = TrackingServer(registry_uri, environment)
        for key, value in tags.items():
            server.post("model-versions/set-tag", {"name": name, "version": version, "key": key, "value": value})
    except (OSError, ValueError, sqlite3.Error) as error:
        raise RegistryUnavailable(f"the model registry does not accept a tag: {error}") from error


def _write(path: Path, rows: list[tuple[str, str, str, int]]) -> None:
    with opened(path, "rw") as database:
        database.executemany(_SET, rows)
        database.commit()
