"""A registry read directly, and by MLflow."""

from pathlib import Path

import mlflow as mlflow_client
import pytest

from housing_server.model_store.registry_mlflow import MlflowRegistry
from housing_server.model_store.registry_sqlite import SqliteRegistry
from housing_server.model_store.uri import ModelUri
from registries import NAME


def test_sqlite_registry_reads_what_mlflow_reads(
    state_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Version, run and files are the same, by alias and by number."""
    address = f"sqlite:///{state_dir}/mlflow.db"
    monkeypatch.setenv("MLFLOW_TRACKING_URI", address)
    mlflow_client.set_tracking_uri(address)
    direct, mlflow = SqliteRegistry(state_dir / "mlflow.db"), MlflowRegistry(address)
    for model in (ModelUri(name=NAME, alias="champion", version=""), ModelUri(name=NAME, alias="", version="1")):
        ours, theirs = direct.find(model), mlflow.find(model)
        assert (ours.name, ours.version, ours.run_id) == (theirs.name, theirs.version, theirs.run_id)
    ours_run, their_run = direct.run(ours.run_id), mlflow.run(ours.run_id)
    assert (ours_run.start_time, dict(ours_run.metrics)) == (their_run.start_time, dict(their_run.metrics))
    assert ours_run.tags.items() >= {"algorithm": "test", "data_sha256": "0" * 64}.items()
    (tmp_path / "ours").mkdir()
    fetched = direct.download(ours, tmp_path / "ours")
    # The folder moved together with its registry, and MLflow does not look for it there.
    assert {"MLmodel", "model.onnx"} <= {path.name for path in fetched.iterdir()}
