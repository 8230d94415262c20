"""A new version of the model while calls go on: taken over without a failed call, or refused."""

import signal
import threading
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import grpc
import psutil
import pytest
from grpc_health.v1.health_pb2 import HealthCheckRequest, HealthCheckResponse

from housing.v1.block_group_pb2 import BlockGroup
from housing.v1.model_service_pb2 import GetModelRequest
from housing.v1.model_service_pb2_grpc import ModelServiceStub
from housing.v1.prediction_service_pb2 import PredictRequest, PredictResponse
from housing.v1.prediction_service_pb2_grpc import PredictionServiceStub
from housing.v1.status_service_pb2 import GetStatusRequest
from housing.v1.status_service_pb2_grpc import StatusServiceStub
from model_versions import FOREIGN, LYING, SLOPES, counted, move_alias
from registries import forget_fetched, point_alias
from running import TRANSPORTS, Service, http_get, running_service, transport_or_skip, wait_for

CLIENTS = 4


OVER_EACH_TRANSPORT = pytest.mark.parametrize("transport", TRANSPORTS, indirect=True)


@pytest.fixture
def transport(request: pytest.FixtureRequest) -> str:
    """What carries calls: gRPC's own library, unless the test says otherwise."""
    return transport_or_skip(getattr(request, "param", TRANSPORTS[0]))


@pytest.fixture
def service(folder: Path, transport: str) -> Iterator[Service]:
    """A service with two workers, which looks at the registry only when told to."""
    with running_service(folder, workers=2, model_poll_seconds=0, transport=transport) as running:
        running.command.wait_for("serving")
        yield running


def predict(service: Service, block_group: BlockGroup) -> PredictResponse:
    """Ask for a prediction over a new connection."""
    with grpc.insecure_channel(service.target) as channel:
        return PredictionServiceStub(channel).Predict(PredictRequest(block_group=block_group), wait_for_ready=True)


def status_names(channel: grpc.Channel, version: str) -> bool | None:
    """Return True once GetStatus names a version; None until then."""
    return StatusServiceStub(channel).GetStatus(GetStatusRequest()).model_version == version or None


class Callers:
    """Clients that call without a pause or a retry, each over a connection of its own, until told to stop."""

    def __init__(self, service: Service, block_group: BlockGroup) -> None:
        self.answers: list[list[PredictResponse]] = [[] for _ in range(CLIENTS)]
        """What each was answered, in order."""
        self.errors: list[grpc.RpcError] = []
        """Calls that failed."""
        self.health: set[int] = set()
        """All states of health seen meanwhile."""
        self._target = service.target
        self._request = PredictRequest(block_group=block_group)
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._call, args=(answers,)) for answers in self.answers]

    def __enter__(self) -> "Callers":
        for thread in self._threads:
            thread.start()
        self.answered(20)
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()

    def answered(self, more: int) -> None:
        """Wait until each has got so many more answers, or one has failed."""
        counts = [len(answers) + more for answers in self.answers]
        wait_for(
            lambda: self.errors or all(map(int.__le__, counts, map(len, self.answers))) or None,
            "answers to every caller",
        )

    def _call(self, answers: list[PredictResponse]) -> None:
        with grpc.insecure_channel(self._target, options=[("grpc.enable_retries", 0)]) as channel:
            predictions = PredictionServiceStub(channel)
            health = channel.unary_unary(
                "/grpc.health.v1.Health/Check", HealthCheckRequest.SerializeToString, HealthCheckResponse.FromString
            )
            while not self._stop.is_set():
                try:
                    answers.append(predictions.Predict(self._request, timeout=60))
                    self.health.add(health(HealthCheckRequest(), timeout=60).status)
                except grpc.RpcError as error:
                    self.errors.append(error)
                    return


@OVER_EACH_TRANSPORT
def test_swap_under_load_fails_no_call(service: Service, folder: Path, transport: str, block_group: BlockGroup) -> None:
    """Every call is answered, by one version or the other and rightly named; no connection goes back to the old one."""
    if transport == TRANSPORTS[0]:  # fetching under load is the same for all
        forget_fetched(folder, "2")
    with Callers(service, block_group) as callers:
        swap = move_alias(service, folder, "2")
        callers.answered(20)
    assert (swap["result"], swap["golden_requests"]) == ("accepted", 10)
    assert not callers.errors
    assert callers.health == {HealthCheckResponse.SERVING}
    for answers in callers.answers:
        versions = [answer.model_version for answer in answers]
        assert set(versions) == {"1", "2"}
        assert versions == sorted(versions)
        for answer in answers:
            expected = 50_000 + SLOPES[answer.model_version] * block_group.median_income
            assert answer.median_house_value == pytest.approx(expected)


def test_everything_names_the_new_version(service: Service, folder: Path) -> None:
    """GetModel, GetStatus and the metrics tell of the version that was swapped in."""
    move_alias(service, folder, "2")
    with grpc.insecure_channel(service.target) as channel:
        model = ModelServiceStub(channel).GetModel(GetModelRequest()).model
        wait_for(partial(status_names, channel, "2"), "status of the new version")
    assert model.version == "2"
    assert counted(service, 'housing_model_swap_total{result="accepted"}') == 1
    assert 'version="2"' in http_get(f"http://127.0.0.1:{service.metrics_port}/metrics").text


@OVER_EACH_TRANSPORT
def test_worker_killed_after_a_swap_comes_back_with_the_new_version(
    service: Service, folder: Path, block_group: BlockGroup
) -> None:
    """A worker is started again with what was accepted, not with what the service began with."""
    move_alias(service, folder, "2")
    for process in psutil.Process(service.command.pid).children():
        process.kill()
    restarted = [service.command.wait_for("worker serving", count=count) for count in (5, 6)]
    assert [event["model_version"] for event in restarted] == ["2", "2"]
    assert predict(service, block_group).model_version == "2"


def test_alias_may_go_back(service: Service, folder: Path, block_group: BlockGroup) -> None:
    """Rolling back is a swap like any other."""
    move_alias(service, folder, "2")
    move_alias(service, folder, "1", swaps=2)
    assert predict(service, block_group).model_version == "1"
    assert counted(service, 'housing_model_swap_total{result="accepted"}') == 2


@pytest.mark.parametrize(
    ("bad", "reason"), [(LYING, "golden requests"), (FOREIGN, "distance_to_coast")], ids=["lying", "foreign"]
)
def test_bad_model_is_refused_once(
    service: Service, folder: Path, block_group: BlockGroup, bad: str, reason: str
) -> None:
    """The old model goes on serving; the bad one is not tried again until the alias has moved."""
    refusal = move_alias(service, folder, bad)
    assert refusal["result"] == "refused"
    assert reason in str(refusal["reason"])
    assert predict(service, block_group).model_version == "1"
    service.command.send(signal.SIGHUP)
    assert move_alias(service, folder, "2", swaps=2)["result"] == "accepted"
    assert predict(service, block_group).model_version == "2"
    assert counted(service, 'housing_model_swap_total{result="refused"}') == 1


def registry_failures(service: Service, count: int) -> bool | None:
    """Return True once that many registry lookups have failed; None until then."""
    return counted(service, "housing_registry_failures_total") >= count or None


def test_registry_that_is_gone_is_survived(service: Service, folder: Path, block_group: BlockGroup) -> None:
    """While the registry is gone the model goes on serving, and one line says so; when it is back, so is the watch."""
    database, aside = folder / "mlflow.db", folder / "aside.db"
    database.rename(aside)
    for count in (1, 2):
        service.command.send(signal.SIGHUP)
        wait_for(partial(registry_failures, service, count), "a look that failed")
        assert predict(service, block_group).model_version == "1"
    assert len(service.command.events("the registry is not available; the current model stays in service")) == 1
    aside.rename(database)
    assert move_alias(service, folder, "2")["result"] == "accepted"
    assert predict(service, block_group).model_version == "2"


def test_files_that_cannot_be_fetched_leave_the_old_model(
    service: Service, folder: Path, block_group: BlockGroup
) -> None:
    """A version whose files are gone is a failure, not a refusal: asked to, the service tries again."""
    forget_fetched(folder, "2")
    artifacts, aside = folder / "mlartifacts", folder / "aside"
    artifacts.rename(aside)
    assert move_alias(service, folder, "2")["result"] == "failed"
    assert predict(service, block_group).model_version == "1"
    aside.rename(artifacts)
    assert move_alias(service, folder, "2", swaps=2)["result"] == "accepted"
    assert predict(service, block_group).model_version == "2"


def test_much_slower_model_is_refused(folder: Path) -> None:
    """A bound that any model exceeds refuses the next one, and the reason names the setting that moves it."""
    with running_service(folder, model_poll_seconds=0, swap_max_latency_ratio=1e-9) as service:
        service.command.wait_for("serving")
        refusal = move_alias(service, folder, "2")
    assert refusal["result"] == "refused"
    assert "HOUSING_SWAP_MAX_LATENCY_RATIO" in str(refusal["reason"])


def test_alias_is_watched_without_being_asked(folder: Path) -> None:
    """A service that polls finds the new version by itself."""
    with running_service(folder, model_poll_seconds=0.05) as service:
        point_alias(folder, "2")
        assert service.command.wait_for("model swap")["result"] == "accepted"
