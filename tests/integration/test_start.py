"""Starting again: from the cache, while the registry is down, and after the alias was given to a bad model."""

import signal
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import grpc
import pytest

from housing.v1.block_group_pb2 import BlockGroup
from housing.v1.model_service_pb2 import GetModelRequest, Model
from housing.v1.model_service_pb2_grpc import ModelServiceStub
from housing.v1.prediction_service_pb2 import PredictRequest
from housing.v1.prediction_service_pb2_grpc import PredictionServiceStub
from model_versions import FOREIGN, LYING, SLOPES, counted, move_alias
from registries import fetched, forget_fetched, point_alias
from running import Service, running_service


@contextmanager
def restarted(folder: Path, **settings: Any) -> Iterator[Service]:
    """Run a service with the state that another one has left, until the end of the block."""
    with running_service(folder, model_poll_seconds=0, prediction_log_mode="off", **settings) as service:
        service.command.wait_for("serving")
        yield service


@pytest.fixture
def served(folder: Path) -> Path:
    """The state folder of a service that has served version 1, and has stopped."""
    with restarted(folder):
        return folder


def model(service: Service) -> Model:
    """Ask which model is served."""
    with grpc.insecure_channel(service.target) as channel:
        return ModelServiceStub(channel).GetModel(GetModelRequest(), wait_for_ready=True).model


def price(service: Service, block_group: BlockGroup) -> float:
    """Ask for a price."""
    with grpc.insecure_channel(service.target) as channel:
        return PredictionServiceStub(channel).Predict(PredictRequest(block_group=block_group)).median_house_value


def expected(version: str, block_group: BlockGroup) -> float:
    """What a good version answers."""
    return 50_000 + SLOPES[version] * block_group.median_income


def cut_down(database: Path) -> None:
    """Leave of a registry only what tells which version is meant: MLflow would take it for damaged."""
    with closing(sqlite3.connect(database)) as connection:
        for table in ("runs", "metrics", "alembic_version"):
            connection.execute(f"DROP TABLE {table}")


@pytest.mark.parametrize("uri", ["models:/california-housing@champion", "models:/california-housing/1"])
def test_model_in_the_cache_is_served_without_mlflow(folder: Path, uri: str) -> None:
    """The registry, which has moved since it was made, is only asked which version it is by the second start."""
    forget_fetched(folder, "1")
    with restarted(folder, model_uri=uri) as service:
        first = model(service)
    cut_down(folder / "mlflow.db")
    with restarted(folder, model_uri=uri) as service:
        assert model(service) == first
        assert counted(service, "housing_registry_failures_total") == 0
        assert service.command.events("model swap") == []


def test_registry_that_is_down_stops_no_restart(served: Path, block_group: BlockGroup) -> None:
    """What was served is served again, with a warning; when the registry is back, its alias is followed."""
    database, aside = served / "mlflow.db", served / "aside.db"
    database.rename(aside)
    with restarted(served) as service:
        assert price(service, block_group) == pytest.approx(expected("1", block_group))
        assert model(service).version == "1"
        assert counted(service, "housing_registry_failures_total") == 1
        (warning,) = service.command.events("the registry is not available; serving the last accepted version")
        assert warning["level"] == "warning"
        aside.rename(database)
        assert move_alias(service, served, "2")["result"] == "accepted"
        assert price(service, block_group) == pytest.approx(expected("2", block_group))


def test_alias_that_moved_meanwhile_is_heeded(served: Path, block_group: BlockGroup) -> None:
    """The first answer is the new version's."""
    point_alias(served, "2")
    with restarted(served) as service:
        assert price(service, block_group) == pytest.approx(expected("2", block_group))
        assert counted(service, 'housing_model_swap_total{result="accepted"}') == 1


@pytest.mark.parametrize(
    ("bad", "reason"), [(LYING, "golden requests"), (FOREIGN, "distance_to_coast")], ids=["lying", "foreign"]
)
def test_bad_model_stops_no_restart(served: Path, block_group: BlockGroup, bad: str, reason: str) -> None:
    """What was served is served again; the refusal is an error in the log and in the metrics, once."""
    point_alias(served, bad)
    with restarted(served) as service:
        assert price(service, block_group) == pytest.approx(expected("1", block_group))
        (refusal,) = service.command.events("model swap")
        assert (refusal["result"], refusal["level"]) == ("refused", "error")
        assert reason in refusal["reason"]
        service.command.send(signal.SIGHUP)
        assert move_alias(service, served, "2", swaps=2)["result"] == "accepted"
        assert counted(service, 'housing_model_swap_total{result="refused"}') == 1


def test_files_that_are_gone_stop_no_restart(served: Path, block_group: BlockGroup) -> None:
    """A new version that cannot be fetched leaves the one before; it is fetched when it can be."""
    point_alias(served, "2")
    forget_fetched(served, "2")
    artifacts, aside = served / "mlartifacts", served / "aside"
    artifacts.rename(aside)
    with restarted(served) as service:
        assert price(service, block_group) == pytest.approx(expected("1", block_group))
        aside.rename(artifacts)
        service.command.send(signal.SIGHUP)
        assert service.command.wait_for("model swap")["result"] == "accepted"


def test_damaged_graph_is_fetched_again(served: Path, block_group: BlockGroup) -> None:
    """Half a graph in the cache is not the model's fault."""
    graph = fetched(served, "1") / "model.onnx"
    whole = graph.read_bytes()
    graph.write_bytes(whole[: len(whole) // 2])
    with restarted(served) as service:
        assert price(service, block_group) == pytest.approx(expected("1", block_group))
        assert service.command.events("model swap") == []
    assert graph.read_bytes() == whole
