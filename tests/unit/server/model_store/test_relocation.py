"""Artifacts of a registry that has been moved."""

from pathlib import Path

import pytest

from housing_server.model_store.relocation import moved_artifacts


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A checkout, with artifacts beside its registry."""
    folder = tmp_path / "new place?"
    (folder / "var/mlartifacts/models/m-1/artifacts").mkdir(parents=True)
    return folder


def test_artifacts_that_moved_with_their_registry_are_found(checkout: Path) -> None:
    """As URLs and as paths, also those with blanks."""
    database, now = checkout / "var/mlflow.db", checkout / "var/mlartifacts/models/m-1/artifacts"
    for before in ("file:///home/me/old%20place/var/mlartifacts", "/home/me/old place/var/mlartifacts"):
        assert moved_artifacts(f"{before}/models/m-1/artifacts", database) == now


def test_artifacts_that_are_where_they_were_are_left_to_the_registry(checkout: Path) -> None:
    """So are those that are nowhere, and those that are elsewhere."""
    database, now = checkout / "var/mlflow.db", checkout / "var/mlartifacts/models/m-1/artifacts"
    assert moved_artifacts(now.as_uri(), database) is None
    assert moved_artifacts("file:///home/me/old/var/mlartifacts/models/m-2/artifacts", database) is None
    assert moved_artifacts("s3://bucket/mlartifacts/models/m-1/artifacts", database) is None
    assert moved_artifacts("models:/m-1", database) is None
