"""Correcting the locations of artifacts, which MLflow records, in a local registry that was moved."""

import sqlite3
from contextlib import closing
from pathlib import Path
from urllib.parse import unquote, urlsplit

from housing.sqlite_uris import sqlite_path
from housing_training.registry.tracking import artifact_location

_COLUMNS = (
    ("experiments", "artifact_location"),
    ("runs", "artifact_uri"),
    ("logged_models", "artifact_location"),
    ("model_versions", "source"),
    ("model_versions", "storage_location"),
)
"""Where MLflow records locations."""


def follow_move(uri: str) -> bool:
    """Record where the artifacts of a local registry are now, if they have moved together with it.

    Otherwise new runs would be written to the old location, and old ones read from there.

    Args:
        uri: the registry's address; nothing is done unless it is a local one.

    Returns:
        Whether they had moved.
    """
    database, now = sqlite_path(uri), artifact_location(uri)
    if database is None or now is None or not database.exists():
        return False
    with closing(sqlite3.connect(database)) as connection:
        moved = [before for before in _recorded(connection) if _has_moved(before, now)]
        for before in moved:
            for table, column in _COLUMNS:
                _replace(connection, table, column, before, now)
        connection.commit()
        return bool(moved)


def _recorded(connection: sqlite3.Connection) -> list[str]:
    try:
        return [found for (found,) in connection.execute("SELECT DISTINCT artifact_location FROM experiments")]
    except sqlite3.OperationalError:  # no table yet
        return []


def _has_moved(before: str, now: str) -> bool:
    """Return whether artifacts of a folder that is gone are now in one of the same name."""
    name = now.rpartition("/")[2]
    return before != now and before.rpartition("/")[2] == name and not _exists(before) and _exists(now)


def _replace(connection: sqlite3.Connection, table: str, column: str, before: str, now: str) -> None:
    # Table and column names are constants of this module.
    where = f"{column} = ? OR substr({column}, 1, ?) = ?"
    statement = f"UPDATE {table} SET {column} = ? || substr({column}, ?) WHERE {where}"  # noqa: S608
    connection.execute(statement, (now, len(before) + 1, before, len(before) + 1, f"{before}/"))


def _exists(location: str) -> bool:
    address = urlsplit(location)
    return address.scheme == "file" and Path(unquote(address.path)).exists()
