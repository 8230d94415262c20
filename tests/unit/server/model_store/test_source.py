"""Finding the model at the start: in the cache, or by the registry process."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from housing_server.errors import ModelNotAllowed, RegistryUnavailable, StartError
from housing_server.model_store.cache import cache_folder
from housing_server.model_store.checksums import write_checksums
from housing_server.model_store.source import ModelSource

CHAMPION, THIRD = "models:/homes@champion", "models:/homes/3"


@pytest.fixture(autouse=True)
def no_other_registry(monkeypatch: pytest.MonkeyPatch) -> None:
    """The registry is that of the state folder."""
    for name in ("MLFLOW_TRACKING_URI", "MLFLOW_REGISTRY_URI"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def registry(tmp_path: Path) -> Path:
    """A state folder whose registry can be asked directly, while MLflow would find no registry in it."""
    with closing(sqlite3.connect(tmp_path / "mlflow.db")) as connection:
        connection.executescript(
            """
            CREATE TABLE registered_model_aliases (name, alias, version INTEGER);
            CREATE TABLE model_versions (name, version INTEGER, run_id, current_stage);
            INSERT INTO registered_model_aliases VALUES ('homes', 'champion', 3);
            INSERT INTO model_versions VALUES ('homes', 3, 'abc', 'None');
            """
        )
    return tmp_path


def fetched(state_dir: Path, alias: str, runtime: str = "onnx") -> Path:
    """Put version 3 into the cache."""
    folder = cache_folder(state_dir, "homes") / "3-abc"
    folder.mkdir(parents=True)
    (folder / "model.onnx").write_text("graph", "utf-8")
    write_checksums(folder)
    (folder / "model.json").write_text(f'{{"name": "homes", "alias": "{alias}", "runtime": "{runtime}"}}', "utf-8")
    return folder


@pytest.mark.parametrize(("uri", "alias"), [(CHAMPION, "champion"), (THIRD, "")], ids=["alias", "version"])
async def test_version_in_the_cache_is_found_without_mlflow(registry: Path, uri: str, alias: str) -> None:
    """The registry is only asked which one it is."""
    folder = fetched(registry, alias)
    assert await ModelSource(uri, registry).find() == folder


async def test_registry_that_is_gone_is_said_at_once_when_there_is_something_to_fall_back_on(registry: Path) -> None:
    """What was accepted is found, and MLflow is not waited for."""
    source = ModelSource(CHAMPION, registry)
    folder = fetched(registry, "champion")
    await source.accept(folder)
    (registry / "mlflow.db").unlink()
    with pytest.raises(RegistryUnavailable):
        await source.find()
    assert await source.accepted() == folder


async def test_first_start_without_a_registry_says_how_to_get_one(tmp_path: Path) -> None:
    """The registry process words it."""
    with pytest.raises(StartError, match="housing train"):
        await ModelSource(CHAMPION, tmp_path).find()


async def test_pyfunc_model_is_found_only_where_these_are_allowed(registry: Path) -> None:
    """Its description says what it is; nothing else of it is read. What was served before may be served no more."""
    folder = fetched(registry, "champion", "pyfunc")
    with pytest.raises(ModelNotAllowed, match="HOUSING_ALLOW_PYFUNC=1"):
        await ModelSource(CHAMPION, registry).find()
    allowing = ModelSource(CHAMPION, registry, allow_pyfunc=True)
    assert await allowing.find() == folder
    await allowing.accept(folder)
    assert await allowing.accepted() == folder
    assert await ModelSource(CHAMPION, registry).accepted() is None
