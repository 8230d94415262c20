"""Fetched models: which can be served from the cache, which was served last, and which are removed."""

import os
from pathlib import Path

import pytest

from housing_server.model_store.cache import FETCHING, KEPT_VERSIONS, ModelCache, cache_folder
from housing_server.model_store.checksums import write_checksums
from housing_server.model_store.uri import ModelUri

CHAMPION = ModelUri(name="homes", alias="champion", version="")
LONG_AGO = 1_000_000_000.0


@pytest.fixture
def cache(tmp_path: Path) -> ModelCache:
    """The cache of a model that is asked for by its alias."""
    return ModelCache(tmp_path, CHAMPION)


def fetched(state_dir: Path, version: str, age: float = 0, alias: str = "champion") -> Path:
    """Put a version into the cache, fetched so many seconds after another one."""
    folder = cache_folder(state_dir, "homes") / version
    folder.mkdir(parents=True)
    (folder / "model.onnx").write_text(version, "utf-8")
    write_checksums(folder)
    (folder / "model.json").write_text(f'{{"name": "homes", "alias": "{alias}"}}', "utf-8")
    os.utime(folder, (LONG_AGO - age, LONG_AGO - age))
    return folder


def test_version_that_is_whole_is_found(cache: ModelCache, tmp_path: Path) -> None:
    """It needs no fetching."""
    folder = fetched(tmp_path, "1-a")
    assert cache.find("1-a") == folder


def test_version_that_was_never_fetched_is_not_found(cache: ModelCache) -> None:
    """Not even where there is no cache yet."""
    assert cache.find("1-a") is None


@pytest.mark.parametrize("name", ["model.onnx", "model.json"])
def test_damaged_version_is_not_found(cache: ModelCache, tmp_path: Path, name: str) -> None:
    """Neither with half a graph nor with half a description."""
    with (fetched(tmp_path, "1-a") / name).open("r+b") as file:
        file.truncate(2)
    assert cache.find("1-a") is None


def test_version_fetched_under_another_alias_is_not_found(cache: ModelCache, tmp_path: Path) -> None:
    """Its description would name the wrong one."""
    fetched(tmp_path, "1-a", alias="challenger")
    assert cache.find("1-a") is None


def test_what_was_accepted_is_found_at_the_next_start(cache: ModelCache, tmp_path: Path) -> None:
    """It is the last one, and each address has its own."""
    for version in ("1-a", "2-b"):
        cache.accept(fetched(tmp_path, version))
    challenger = ModelUri(name="homes", alias="challenger", version="")
    assert ModelCache(tmp_path, CHAMPION).accepted() == cache_folder(tmp_path, "homes") / "2-b"
    assert ModelCache(tmp_path, challenger).accepted() is None


def test_what_was_accepted_and_is_damaged_is_not_found(cache: ModelCache, tmp_path: Path) -> None:
    """There is nothing to fall back on then."""
    folder = fetched(tmp_path, "1-a")
    cache.accept(folder)
    (folder / "model.onnx").unlink()
    assert cache.accepted() is None


@pytest.mark.parametrize("text", ["", "[]", "{"])
def test_record_that_is_damaged_is_made_anew(cache: ModelCache, tmp_path: Path, text: str) -> None:
    """It is no reason not to start."""
    folder = fetched(tmp_path, "1-a")
    (folder.parent / "accepted.json").write_text(text, "utf-8")
    assert cache.accepted() is None
    cache.accept(folder)
    assert cache.accepted() == folder


def test_old_versions_are_removed(cache: ModelCache, tmp_path: Path) -> None:
    """The latest few are kept, whatever their numbers."""
    folders = [fetched(tmp_path, f"{number}-a", age=number) for number in range(1, 7)]
    cache.accept(folders[0])
    assert [folder.exists() for folder in folders] == [True] * (1 + KEPT_VERSIONS) + [False] * 2


def test_version_that_is_served_under_any_address_is_kept(cache: ModelCache, tmp_path: Path) -> None:
    """However old: a worker may be started with it at any time."""
    pinned = fetched(tmp_path, "1-a", age=1000, alias="")
    ModelCache(tmp_path, ModelUri(name="homes", alias="", version="1")).accept(pinned)
    served = fetched(tmp_path, "2-b", age=999)
    others = [fetched(tmp_path, f"{number}-c", age=number) for number in range(3, 8)]
    cache.accept(served)
    assert pinned.exists()
    assert served.exists()
    assert [folder.exists() for folder in others] == [True] * KEPT_VERSIONS + [False] * 2


def test_what_a_killed_fetch_has_left_is_removed(cache: ModelCache, tmp_path: Path) -> None:
    """But not what is being fetched now."""
    folder = fetched(tmp_path, "1-a")
    left, filling = (folder.with_name(f"{FETCHING}{name}") for name in ("left", "filling"))
    left.mkdir()
    filling.mkdir()
    os.utime(left, (LONG_AGO, LONG_AGO))
    cache.accept(folder)
    assert not left.exists()
    assert filling.exists()
