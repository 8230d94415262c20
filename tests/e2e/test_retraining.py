"""New data make a better champion, and garbage does not: the real pipeline, DVC, registry and command."""

import json
import os
import signal
import subprocess
import sys
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import yaml
from mlflow import MlflowClient

from housing_client import PredictionClient, Retraining, RetrainingStatus
from housing_retraining.runs.work_directory import make_work_directory
from housing_training.candidates.recipes import recipe
from housing_training.data.preparation import prepare
from housing_training.data.table import prices_from_frame, rows_from_frame
from housing_training.files import artifacts
from housing_training.graph.compilation import compile_pipeline
from housing_training.graph.golden import golden_requests
from housing_training.params.schema import PrepareParams, TrainParams
from registries import NAME, log_graph, registry
from running import ROOT, HousingCommand, running_service, wait_for

QUICK = {"seed": 1, "folds": 2, "candidates": {"xgboost": {"n_estimators": 30, "max_depth": 5}}}
"""A recipe that takes a moment."""
ROWS = 5_000
"""Of the real rows; the champion knows half of them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Repository:
    """A repository with a champion, outside of any checkout."""

    root: Path
    """Its root."""
    rest: pd.DataFrame
    """The rows that the champion does not know."""

    def environment(self) -> dict[str, str]:
        """Return the environment of its commands: impatient, and with a registry of its own."""
        chosen = {"SETTLE_SECONDS": "0.1", "SCAN_SECONDS": "0.5", "NEW_ROWS": str(len(self.rest)), "NICENESS": "0"}
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("MLFLOW_TRACKING")}
        return inherited | {f"HOUSING_RETRAINING_{name}": value for name, value in chosen.items()}


@pytest.fixture(scope="module")
def repository(state_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> Repository:
    """A repository whose champion has learnt from half of the rows."""
    root = tmp_path_factory.mktemp("repository")
    rows = pd.read_parquet(state_dir.parent / artifacts.RAW).sample(ROWS, random_state=1)
    half, rest = rows.head(ROWS // 2), rows.tail(ROWS // 2)
    make_work_directory(ROOT, root, data_sha256="0" * 64, alias="champion")
    params = yaml.safe_load((root / artifacts.PARAMS).read_text()) | {"train": QUICK}
    (root / artifacts.PARAMS).write_text(yaml.safe_dump(params | {"fetch": {"source": "half.csv"}}))
    half.to_csv(root / "half.csv", index=False)
    trained, held_out = prepare(half, PrepareParams(**params["prepare"]))
    fitted = recipe("xgboost", TrainParams.model_validate(QUICK)).fit(
        rows_from_frame(trained), prices_from_frame(trained), lambda: None
    )
    golden = golden_requests(fitted.pipeline, rows_from_frame(held_out))
    registry(root / "var", lambda: log_graph(compile_pipeline(fitted.pipeline), golden))
    return Repository(root=root, rest=rest)


def test_new_rows_lead_to_a_better_champion(repository: Repository) -> None:
    """Dropped as a file they are taken, trained on and compared, and the better version is promoted; garbage is not."""
    incoming = repository.root / "data/incoming"
    incoming.mkdir(parents=True)
    garbage = repository.rest.head(20).assign(latitude=0.0)
    with HousingCommand("retrain", "watch", environment=repository.environment(), folder=repository.root) as watcher:
        watcher.wait_for("watching")
        repository.rest.to_csv(incoming / "rest.csv.gz", index=False)
        garbage.to_csv(incoming / "garbage.csv", index=False)
        ended = watcher.wait_for("retraining ended", patience=500)
        accepted, rejected = watcher.wait_for("file accepted"), watcher.wait_for("file rejected")

    assert (accepted["file"], accepted["new_rows"]) == ("rest.csv.gz", len(repository.rest))
    assert (rejected["file"], rejected["bad_rows"]) == ("garbage.csv", 20)
    (report,) = (repository.root / "data/rejected").glob("*-garbage.csv.report.json")
    assert [flaw["row"] for flaw in json.loads(report.read_text())["flaws"]] == list(range(2, 22))

    assert ended["verdict"] == "promoted", ended
    (found,) = retrainings(repository)
    assert (found["trigger"], found["trigger_figures"]["new_rows"]) == ("new_data", len(repository.rest))
    assert (found["champion_version"], found["model_version"], found["data_rows"]) == ("1", "2", ROWS)
    comparison = found["evidence"]["comparison"]
    assert comparison["candidate"]["rmse"] < comparison["champion"]["rmse"]
    assert (comparison["rows"], comparison["new_rows"]) == (ROWS // 5, ROWS // 10)
    assert all(gate["passed"] for gate in found["evidence"]["gates"])

    client = MlflowClient(f"sqlite:///{repository.root}/var/mlflow.db")
    assert client.get_model_version_by_alias(NAME, "champion").run_id == found["run_id"]
    assert {"retraining.json", "comparison.html"} <= {file.path for file in client.list_artifacts(found["run_id"])}
    stages = [(stage["name"], stage["state"]) for stage in found["evidence"]["stages"]]
    assert stages == [("gates", "passed"), ("shadow", "skipped"), ("canary", "skipped"), ("promote", "passed")]
    assert (repository.root / found["evidence"]["report"]).exists()
    # The repository itself was left alone: what was made is in the work directory, under DVC.
    assert not (repository.root / artifacts.RAW).exists()
    assert (repository.root / "var/retraining/work" / found["retraining_id"] / "training/dvc.lock").exists()


def test_retraining_that_a_call_started_survives_the_death_of_its_watcher(repository: Repository) -> None:
    """A kill in the middle is on record, and the next watcher goes on; after a second one it has failed."""
    with running_service(repository.root / "var") as service, PredictionClient(service.target) as client:
        started = client.start_retraining(reason="a test", requested_by="somebody")
        assert (started.stage, started.attempts) == ("waiting", 0)
        assert started.requested_by.startswith("somebody (ipv4:127.0.0.1")

        def running(attempt: int) -> RetrainingStatus | None:
            status = client.retraining_status()
            found = status.running
            begun = found is not None and found.attempts == attempt and found.stage not in {"waiting", "data"}
            return status if begun else None

        def abandoned() -> RetrainingStatus | None:
            status = client.retraining_status()
            return None if status.lease_held else status

        def verdict() -> Retraining | None:
            found = client.retraining(started.retraining_id)
            return found if found.verdict else None

        for attempt in (1, 2):
            with watching(repository) as watcher:
                wait_for(partial(running, attempt), "the pipeline", 500)
                watcher.send(signal.SIGKILL)
            crashed = wait_for(abandoned, "its end").running
            assert crashed is not None
            assert (crashed.retraining_id, crashed.attempts) == (started.retraining_id, attempt)

        with watching(repository):
            ended = wait_for(verdict, "a verdict", 500)
        assert (ended.verdict, ended.attempts) == ("failed", 2)
        assert "in attempt 2 of 2" in ended.verdict_reason


def watching(repository: Repository) -> HousingCommand:
    """Run a watcher."""
    return HousingCommand("retrain", "watch", environment=repository.environment(), folder=repository.root)


def retrainings(repository: Repository) -> list[dict[str, Any]]:
    """Return what `housing retrain list` knows."""
    command = [sys.executable, "-m", "housing_cli", "retrain", "list", "--json"]
    listed = subprocess.run(command, cwd=repository.root, env=repository.environment(), capture_output=True, check=True)
    found: list[dict[str, Any]] = json.loads(listed.stdout)
    return found
