"""Writing tags of a version into a registry without MLflow: the end of a canary, the one thing that a server writes."""

import json
import sqlite3
import urllib.request
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path

from housing.sqlite_uris import sqlite_path
from housing_server.errors import RegistryUnavailable
from housing_server.model_store.lookup import TIMEOUT_SECONDS, authorization

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
        for key, value in tags.items():
            body = {"name": name, "version": version, "key": key, "value": value}
            _post(f"{registry_uri.rstrip('/')}/api/2.0/mlflow/model-versions/set-tag", environment, body)
    except (OSError, ValueError, sqlite3.Error) as error:
        raise RegistryUnavailable(f"the model registry does not accept a tag: {error}") from error


def _write(path: Path, rows: list[tuple[str, str, str, int]]) -> None:
    uri = f"{path.absolute().as_uri()}?mode=rw"
    with closing(sqlite3.connect(uri, uri=True, timeout=TIMEOUT_SECONDS)) as database:
        database.executemany(_SET, rows)
        database.commit()


def _post(url: str, environment: Mapping[str, str], body: Mapping[str, str]) -> None:
    headers = {"Content-Type": "application/json", **authorization(environment)}
    request = urllib.request.Request(url, json.dumps(body).encode(), headers)  # noqa: S310 - http or https
    with urllib.request.urlopen(request, timeout=TIMEOUT_SECONDS) as response:  # noqa: S310 - likewise
        response.read()
