"""Whether a store holds a champion: checked on every start, so it must be quick."""

import sqlite3
from contextlib import closing
from pathlib import Path

from housing.sqlite_uris import sqlite_path
from housing_training.params.schema import RegisterParams


def has_champion(uri: str, params: RegisterParams) -> bool:
    """Return whether the registered model's alias points at a version.

    A local database is read directly, because importing MLflow takes longer than all the rest.

    Raises:
        RegistryError: the store cannot be read.
    """
    database = sqlite_path(uri)
    if database is not None:
        return _in_database(database, params)
    from housing_training.registry.mlflow_registry import Registry  # noqa: PLC0415 - slow, and seldom needed

    return Registry(uri).has_version(params)


def _in_database(path: Path, params: RegisterParams) -> bool:
    query = "SELECT 1 FROM registered_model_aliases WHERE name = ? AND alias = ?"
    try:
        with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)) as database:
            return database.execute(query, (params.model_name, params.alias)).fetchone() is not None
    except sqlite3.OperationalError:  # no such file, or no such table yet
        return False
