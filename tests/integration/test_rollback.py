"""A shadow over live traffic, and a promotion that is taken back: real registry, service, recorder and watcher."""

import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from housing.example import BERKELEY
from housing_client import PredictionClient
from housing_retraining.commands.model import promote
from housing_retraining.registry import RegisteredVersion
from housing_retraining.replay.verdict import TrafficPolicy
from housing_retraining.stages.challenge import challenge
from housing_retraining.stages.record import StageRecord
from housing_retraining.stages.shadow import Clock, Shadow, ShadowPolicy
from housing_retraining.stages.stage import StageContext
from housing_server.prediction_log.model_changes import ModelChanges
from housing_server.prediction_log.records import now_us
from housing_server.prediction_log.retrainings import RetrainingRecords
from housing_server.prediction_log.shadow_predictions import ShadowPredictions
from housing_server.prediction_log.store import PredictionStore
from model_versions import SLOPES
from registries import NAME
from running import ROOT, HousingCommand, Service, running_service, wait_for

CALLS = 40


@pytest.fixture
def service(folder: Path) -> Iterator[Service]:
    """A service of version 1, which follows the alias."""
    with running_service(folder, model_poll_seconds=0.3) as running:
        yield running


@pytest.fixture
def client(service: Service) -> Iterator[PredictionClient]:
    """A client of it."""
    with PredictionClient(service.target) as opened:
        yield opened


def ask(client: PredictionClient, count: int = CALLS) -> dict[str, float]:
    """Ask for predictions, wait until they are in the store, and return the incomes by their ids."""
    incomes = [1.0 + number % 10 for number in range(count)]
    asked = {client.predict({**BERKELEY, "median_income": income}).prediction_id: income for income in incomes}
    wait_for(lambda: asked.keys() <= {each.prediction_id for each in client.logged_predictions()} or None, "the log")
    return asked


def know(client: PredictionClient, asked: dict[str, float]) -> None:
    """Record true prices: version 1 errs by some thousands of USD, and version 2 by a hundred thousand."""
    slope = SLOPES["1"]
    outcomes = {key: 50_000 + slope * income + 1_000 * (income % 3) for key, income in asked.items()}
    assert len(client.record_outcomes(outcomes)) == len(asked)


def test_a_worse_version_promoted_by_hand_is_rolled_back_once(
    service: Service, client: PredictionClient, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By the watcher, from live errors alone; the service follows, and the audit trail says who, from, to and why."""
    know(client, ask(client))
    environment = {"HOUSING_STATE_DIR": str(folder), "HOUSING_GRPC_PORT": str(service.grpc_port)}
    environment |= {f"HOUSING_{name}_DIR": str(tmp_path / name) for name in ("INCOMING", "ACCEPTED", "REJECTED")}
    chosen = {"SCAN_SECONDS": "0.2", "ROLLBACK_OUTCOMES": str(CALLS), "NICENESS": "0"}
    environment |= {f"HOUSING_RETRAINING_{name}": value for name, value in chosen.items()}
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    monkeypatch.chdir(ROOT)
    promoted = CliRunner().invoke(promote, ["2", "--force", "--reason", "a test"], catch_exceptions=False)
    assert promoted.exit_code == 0, promoted.output
    wait_for(lambda: client.model().version == "2" or None, "version 2")
    know(client, ask(client))

    with HousingCommand("retrain", "watch") as watcher:
        rolled_back = watcher.wait_for("promotion rolled back")
        wait_for(lambda: client.model().version == "1" or None, "version 1")
        know(client, ask(client))
        # What it has done is looked at once more, and found to be complete.
        watcher.send(signal.SIGINT)
        assert watcher.exit_code() == 0
    assert (rolled_back["from_version"], rolled_back["to_version"]) == ("2", "1")
    assert len(watcher.events("promotion rolled back")) == 1
    store = PredictionStore.open(f"sqlite:///{folder}/predictions.db")
    last, first = ModelChanges(store).newest(NAME, 5)
    store.close()
    assert (first.kind, last.kind, last.changed_by) == ("promotion", "rollback", "machine")
    assert f"over {CALLS} outcomes" in last.reason


def test_a_shadow_over_live_traffic_is_on_record(
    service: Service, client: PredictionClient, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Requests are answered by a registered challenger as well, and its differences are the stage's evidence."""
    assert service
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{folder}/mlflow.db")
    ask(client)
    store = PredictionStore.open(f"sqlite:///{folder}/predictions.db")
    records = RetrainingRecords(store)
    retraining = records.request("manual", reason="because", requested_by="a test")
    context = StageContext(
        retraining_id=retraining.retraining_id,
        requested_by="a test",
        model_name=NAME,
        candidate=RegisteredVersion(version="2", run_id=""),
        champion=RegisteredVersion(version="1", run_id=""),
        data_sha256="",
        work=folder / "work",
        started_at_us=now_us(),
        check=lambda: None,
        echo=lambda _: None,
    )
    traffic = TrafficPolicy(tolerance=0.2, wild_share=0.1, psi=0.5, confidence=0.95)
    policy: dict[str, Any] = {"minimum_rows": 20, "processor_share": 1.0, "keep_rows": 10, "traffic": traffic}
    shadow = Shadow(store, ShadowPolicy(seconds=600, rows=2 * CALLS, **policy), clock=Clock(wait=lambda _: ask(client)))
    challenge([shadow], context, StageRecord(records, retraining.retraining_id, []))
    (stage,) = records.newest(1)[0].evidence["stages"]
    assert (stage["name"], stage["state"], stage["figures"]["rows"]) == ("shadow", "refused", 2 * CALLS)
    assert stage["figures"]["mean_difference"] == pytest.approx(5.5 * (SLOPES["2"] - SLOPES["1"]))
    assert "differ by more than 20%" in stage["reason"]
    assert ShadowPredictions(store, NAME, "2").count() == 2 * CALLS
    store.close()
