"""A registry that is moved together with its checkout."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from housing.sqlite_uris import sqlite_uri
from housing_training.registry.relocation import follow_move

SCHEMA = """
CREATE TABLE experiments (name TEXT, artifact_location TEXT);
CREATE TABLE runs (artifact_uri TEXT);
CREATE TABLE logged_models (artifact_location TEXT);
CREATE TABLE model_versions (source TEXT, storage_location TEXT);
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A state folder with a registry and artifacts, which was somewhere else before."""
    before = (tmp_path / "before/mlartifacts").as_uri()
    folder = tmp_path / "now"
    (folder / "mlartifacts").mkdir(parents=True)
    with closing(sqlite3.connect(folder / "mlflow.db")) as connection:
        connection.executescript(SCHEMA)
        connection.execute("INSERT INTO experiments VALUES ('homes', ?), ('others', 's3://bucket')", (before,))
        connection.execute("INSERT INTO runs VALUES (?)", (f"{before}/1/artifacts",))
        connection.execute("INSERT INTO logged_models VALUES (?)", (f"{before}/models/m-1/artifacts",))
        connection.execute("INSERT INTO model_versions VALUES ('models:/m-1', ?)", (f"{before}/models/m-1/artifacts",))
        connection.commit()
    return folder


def locations(folder: Path) -> list[str]:
    """Read all that the registry records."""
    query = (
        "SELECT artifact_location FROM experiments UNION ALL SELECT artifact_uri FROM runs UNION ALL "
        "SELECT artifact_location FROM logged_models UNION ALL SELECT source FROM model_versions UNION ALL "
        "SELECT storage_location FROM model_versions"
    )
    with closing(sqlite3.connect(folder / "mlflow.db")) as connection:
        return [found for (found,) in connection.execute(query)]


def test_locations_follow_their_registry(folder: Path) -> None:
    """What lies elsewhere stays; the second time there is nothing to do."""
    uri, now = sqlite_uri(folder / "mlflow.db"), (folder / "mlartifacts").as_uri()
    assert follow_move(uri)
    model = f"{now}/models/m-1/artifacts"
    assert locations(folder) == [now, "s3://bucket", f"{now}/1/artifacts", model, "models:/m-1", model]
    assert not follow_move(uri)


def test_registry_that_was_copied_leaves_the_other_alone(folder: Path, tmp_path: Path) -> None:
    """Its artifacts are still where it says."""
    (tmp_path / "before/mlartifacts").mkdir(parents=True)
    before = locations(folder)
    assert not follow_move(sqlite_uri(folder / "mlflow.db"))
    assert locations(folder) == before


@pytest.mark.parametrize("uri", ["http://127.0.0.1:5000", "sqlite:////nowhere/mlflow.db"])
def test_other_registries_are_left_alone(uri: str) -> None:
    """A server knows where its artifacts are; what is not there has not moved."""
    assert not follow_move(uri)
