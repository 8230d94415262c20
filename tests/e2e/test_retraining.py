"""New data make a better champion while calls go on, bad data do not: the real pipeline, DVC, registry and service."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import yaml
from mlflow import MlflowClient

from housing.features import FEATURE_NAMES
from housing_client import Prediction, PredictionClient, Retraining, RetrainingStatus
from housing_retraining.data_versions.row_table import RowTable
from housing_retraining.runs.work_directory import make_work_directory
from housing_training.candidates.recipes import recipe
from housing_training.data.preparation import prepare
from housing_training.data.table import prices_from_frame, rows_from_frame
from housing_training.files import artifacts
from housing_training.graph.compilation import compile_pipeline
from housing_training.graph.golden import golden_requests
from housing_training.params.schema import PrepareParams, TrainParams
from live_traffic import LiveTraffic
from registries import NAME, log_graph, registry
from running import ROOT, HousingCommand, Service, running_service, wait_for

QUICK = {"seed": 1, "folds": 2, "candidates": {"xgboost": {"n_estimators": 30, "max_depth": 5}}}
"""A recipe that takes a moment."""
ROWS = 5_000
"""Of the real rows; the champion knows half of them."""
DEAREST = 330_000
"""Prices that are still possible when half as much is added."""
SETTINGS = {
    "SETTLE_SECONDS": "0.1",
    "SCAN_SECONDS": "0.5",
    "NEW_DATA_COOLDOWN_SECONDS": "0",
    "ON_DEGRADATION": "off",
    "ROLLBACK": "off",
    "NICENESS": "0",
    "SHADOW_ROWS": "60",
    "SHADOW_MINIMUM_ROWS": "30",
    "SHADOW_PROCESSOR_SHARE": "1",
    "CANARY": "on",
    "CANARY_SHARE": "0.5",
    "CANARY_ROWS": "60",
    "CANARY_MINIMUM_ROWS": "30",
    "CANARY_LATENCY_RATIO": "0",  # on a busy machine
}
"""Impatient, and with all stages; what is switched off has tests of its own."""
LONG = 900
"""Seconds that a pipeline may take on a busy machine."""
pytestmark = pytest.mark.timeout(3 * LONG)


@dataclass(frozen=True, slots=True, kw_only=True)
class Repository:
    """A repository with a champion, outside of any checkout."""

    root: Path
    """Its root."""
    rest: pd.DataFrame
    """As many rows as the champion knows, which it does not."""
    dearer: pd.DataFrame
    """About as many others, at one and a half times their price."""

    def watcher(self, service: Service, **settings: str) -> HousingCommand:
        """Run a watcher."""
        environment = self.environment() | {"HOUSING_GRPC_PORT": str(service.grpc_port)}
        environment |= {f"HOUSING_RETRAINING_{name}": value for name, value in settings.items()}
        return HousingCommand("retrain", "watch", environment=environment, folder=self.root)

    def environment(self) -> dict[str, str]:
        """Return the environment of its commands, with a registry of its own."""
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("MLFLOW_TRACKING")}
        chosen = SETTINGS | {"NEW_ROWS": str(min(len(self.rest), len(self.dearer)))}
        return inherited | {f"HOUSING_RETRAINING_{name}": value for name, value in chosen.items()}

    def drop(self, name: str, table: pd.DataFrame) -> None:
        """Drop a table as a file."""
        incoming = self.root / "data/incoming"
        incoming.mkdir(parents=True, exist_ok=True)
        table.to_csv(incoming / name, index=False)

    def requests(self) -> list[dict[str, Any]]:
        """Return rows to ask for."""
        table = self.rest[[name for name in FEATURE_NAMES if name != "ocean_proximity"]].dropna()
        return table.head(200).to_dict("records")  # type: ignore[return-value]

    def newest(self) -> dict[str, Any]:
        """Return the last retraining, as `housing retrain list` shows it."""
        command = [sys.executable, "-m", "housing_cli", "retrain", "list", "--json"]
        listed = subprocess.run(command, cwd=self.root, env=self.environment(), capture_output=True, check=True)
        found: dict[str, Any] = json.loads(listed.stdout)[0]
        return found

    @property
    def models(self) -> MlflowClient:
        """Its registry."""
        return MlflowClient(f"sqlite:///{self.root}/var/mlflow.db")


@pytest.fixture(scope="module")
def repository(state_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> Repository:
    """A repository whose champion has learnt from half of the rows."""
    root = tmp_path_factory.mktemp("repository")
    rows = pd.read_parquet(state_dir.parent / artifacts.RAW).sample(2 * ROWS, random_state=1)
    half, rest, others = rows.iloc[: ROWS // 2], rows.iloc[ROWS // 2 : ROWS], rows.iloc[ROWS:]
    dearer = others[others["median_house_value"] < DEAREST].head(ROWS // 2)
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
    dearer = dearer.assign(median_house_value=dearer["median_house_value"] * 1.5)
    return Repository(root=root, rest=rest, dearer=dearer)


@pytest.fixture(scope="module")
def service(repository: Repository) -> Iterator[Service]:
    """A service of its champion, which follows aliases."""
    with running_service(repository.root / "var", model_poll_seconds=0.3) as running:
        yield running


def test_new_rows_lead_to_a_better_champion(repository: Repository, service: Service) -> None:
    """Dropped as a file they are learnt; the version passes each stage and serves, and no call fails meanwhile."""
    garbage = repository.rest.head(20).assign(latitude=0.0)
    with (
        PredictionClient(service.target) as client,
        LiveTraffic(service.target, repository.requests()) as traffic,
        repository.watcher(service) as watcher,
    ):
        watcher.wait_for("watching")
        repository.drop("rest.csv.gz", repository.rest)
        repository.drop("garbage.csv", garbage)
        ended = watcher.wait_for("retraining ended", patience=LONG)
        accepted, rejected = watcher.wait_for("file accepted"), watcher.wait_for("file rejected")
        wait_for(lambda: client.model().version == "2" or None, "version 2")
        count = len(traffic.versions)
        wait_for(lambda: len(traffic.versions) > count + 10 or None, "calls after the promotion")

    assert not traffic.failures
    assert set(traffic.versions[:count]) == {"1", "2"}
    assert set(traffic.versions[count + 5 :]) == {"2"}

    assert (accepted["file"], accepted["new_rows"]) == ("rest.csv.gz", len(repository.rest))
    assert (rejected["file"], rejected["bad_rows"]) == ("garbage.csv", 20)
    (report,) = (repository.root / "data/rejected").glob("*-garbage.csv.report.json")
    assert [flaw["row"] for flaw in json.loads(report.read_text())["flaws"]] == list(range(2, 22))
    assert ended["verdict"] == "promoted", ended
    assert_promoted(repository, repository.newest())


def assert_promoted(repository: Repository, found: dict[str, Any]) -> None:
    """Check the record of the first retraining, what is with its MLflow run, and that the repository is as it was."""
    assert (found["trigger"], found["trigger_figures"]["new_rows"]) == ("new_data", len(repository.rest))
    assert (found["champion_version"], found["model_version"], found["data_rows"]) == ("1", "2", ROWS)
    evidence = found["evidence"]
    comparison = evidence["comparison"]
    assert comparison["candidate"]["rmse"] < comparison["champion"]["rmse"]
    assert (comparison["rows"], comparison["new_rows"]) == (ROWS // 5, ROWS // 10)
    assert all(gate["passed"] for gate in evidence["gates"])
    stages = [(stage["name"], stage["state"]) for stage in evidence["stages"]]
    assert stages == [(name, "passed") for name in ("gates", "shadow", "canary", "promote")]
    figures = {stage["name"]: stage["figures"] for stage in evidence["stages"]}
    assert figures["shadow"]["rows"] == 60
    assert figures["canary"]["canary_rows"] >= 60

    models = repository.models
    assert models.get_model_version_by_alias(NAME, "champion").run_id == found["run_id"]
    assert models.get_model_version(NAME, "2").tags["canary_share"] == "0"
    assert {"retraining.json", "comparison.html"} <= {file.path for file in models.list_artifacts(found["run_id"])}
    assert (repository.root / evidence["report"]).exists()
    assert not (repository.root / artifacts.RAW).exists()
    assert (repository.root / "var/retraining/work" / found["retraining_id"] / "training/dvc.lock").exists()


def test_new_rows_of_other_prices_are_refused(repository: Repository, service: Service) -> None:
    """No look at single rows finds them; what was known before is answered worse, so they are set aside."""
    with PredictionClient(service.target) as client:
        before = client.model().version
    with repository.watcher(service) as watcher:
        watcher.wait_for("watching")
        repository.drop("dearer.csv", repository.dearer)
        accepted = watcher.wait_for("file accepted")
        ended = watcher.wait_for("retraining ended", patience=LONG)
        assert (accepted["new_rows"], accepted["bad_rows"]) == (len(repository.dearer), 0)
    found = repository.newest()
    assert (ended["verdict"], found["verdict_reason"]) == ("refused", ended["reason"])
    assert "gates: " in ended["reason"]
    assert "slices: rows known before" in ended["reason"], ended["reason"]
    assert found["champion_version"] == before
    with PredictionClient(service.target) as client:
        assert client.model().version == before
    assert RowTable(repository.root / "var/retraining/rows.db").count("set_aside") == len(repository.dearer)


def test_retraining_that_a_call_started_is_gone_on_with_and_its_canary_returned(
    repository: Repository, service: Service
) -> None:
    """A watcher that is killed leaves that on record, the next one goes on, and a canary that errs ends by itself."""

    def true_price(answer: Prediction) -> float:
        return answer.median_house_value + (1_000 if answer.model_version == before else 100_000)

    with PredictionClient(service.target) as client:
        before = client.model().version
        started = client.start_retraining(reason="a test", requested_by="somebody")
        assert (started.stage, started.attempts) == ("waiting", 0)
        assert started.requested_by == "somebody"

        def in_the_pipeline() -> bool | None:
            found = client.retraining_status().running
            return True if found is not None and found.stage not in {"waiting", "data"} else None

        def abandoned() -> RetrainingStatus | None:
            status = client.retraining_status()
            return None if status.lease_held else status

        def verdict() -> Retraining | None:
            found = client.retraining(started.retraining_id)
            return found if found.verdict else None

        with repository.watcher(service, GATES="off", SHADOW="off") as watcher:
            wait_for(in_the_pipeline, "the pipeline", LONG)
            watcher.send(signal.SIGKILL)
        crashed = wait_for(abandoned, "its end").running
        assert crashed is not None
        assert (crashed.retraining_id, crashed.attempts, crashed.verdict) == (started.retraining_id, 1, "")

        with (
            repository.watcher(service, GATES="off", SHADOW="off", CANARY_ROWS="10000"),
            LiveTraffic(service.target, repository.requests(), true_price) as traffic,
        ):
            ended = wait_for(verdict, "a verdict", LONG)
            wait_for(lambda: set(traffic.versions[-20:]) == {before} or None, "the champion's answers alone")
    assert (ended.verdict, ended.attempts, ended.champion_version) == ("refused", 2, before)
    assert "canary: its live RMSE is 100,000 USD, the champion's 1,000, beyond chance" in ended.verdict_reason
    assert not traffic.failures
    assert ended.model_version in traffic.versions
    tags = repository.models.get_model_version(NAME, str(ended.model_version)).tags
    assert (tags["canary_share"], tags["canary_ended"][:7]) == ("0", "refused")
