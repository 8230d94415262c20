"""What happens when processes die, are told to stop, or cannot start."""

import os
import signal
import socket
import threading
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import grpc
import psutil
import pytest

from housing.v1.block_group_pb2 import BlockGroup
from housing.v1.prediction_service_pb2 import PredictRequest
from housing.v1.prediction_service_pb2_grpc import PredictionServiceStub
from housing.v1.status_service_pb2 import GetStatusRequest, WorkerStatus
from housing.v1.status_service_pb2_grpc import StatusServiceStub
from model_versions import FOREIGN
from registries import point_alias
from running import (
    TRANSPORTS,
    HousingCommand,
    Service,
    http_get,
    port_of_nobody,
    running_service,
    serving_workers,
    transport_or_skip,
    wait_for,
)

CLIENTS = 8


class Load:
    """Clients that each call, over a connection of their own and without retries, until a call fails."""

    def __init__(self, target: str, block_group: BlockGroup) -> None:
        self.outcomes: Counter[grpc.StatusCode] = Counter()
        """Calls by the code they ended with."""
        self._target = target
        self._request = PredictRequest(block_group=block_group)
        self._lock = threading.Lock()
        self._threads = [threading.Thread(target=self._call_until_failure) for _ in range(CLIENTS)]

    def start(self, calls: int) -> None:
        """Start the clients and wait until so many calls were answered."""
        for thread in self._threads:
            thread.start()
        wait_for(lambda: True if self.outcomes[grpc.StatusCode.OK] >= calls else None, "load")

    def join(self) -> None:
        """Wait until every client has seen a call fail."""
        for thread in self._threads:
            thread.join()

    def _call_until_failure(self) -> None:
        code = grpc.StatusCode.OK
        with grpc.insecure_channel(self._target, options=[("grpc.enable_retries", 0)]) as channel:
            stub = PredictionServiceStub(channel)
            while code is grpc.StatusCode.OK:
                try:
                    stub.Predict(self._request, timeout=60)
                except grpc.RpcError as error:
                    code = error.code()
                with self._lock:
                    self.outcomes[code] += 1


@pytest.fixture(params=TRANSPORTS)
def transport(request: pytest.FixtureRequest) -> str:
    """Each transport that carries calls."""
    return transport_or_skip(request.param)


@pytest.fixture
def stopped_under_load(state_dir: Path, transport: str, block_group: BlockGroup) -> Iterator[tuple[Service, Load, int]]:
    """A service that was told to stop while clients called it, the load, and its exit code."""
    with running_service(state_dir, workers=2, transport=transport) as service:
        load = Load(service.target, block_group)
        load.start(calls=500)
        service.command.send(signal.SIGTERM)
        code = service.command.exit_code()
        load.join()
        yield service, load, code


def test_no_accepted_call_fails_on_sigterm(stopped_under_load: tuple[Service, Load, int]) -> None:
    """Each call that a worker began has reached its caller; what came later was refused as UNAVAILABLE."""
    service, load, code = stopped_under_load
    handled = Counter(event["code"] for event in service.command.events("rpc"))
    assert set(handled) <= {"OK", "UNAVAILABLE"}
    assert handled["OK"] == load.outcomes[grpc.StatusCode.OK]
    assert set(load.outcomes) == {grpc.StatusCode.OK, grpc.StatusCode.UNAVAILABLE}
    assert load.outcomes[grpc.StatusCode.UNAVAILABLE] == CLIENTS
    assert code == 0


def worker_status(target: str) -> WorkerStatus | None:
    """Ask how the workers are, over a connection of its own; None when the worker asked has just died."""
    with grpc.insecure_channel(target) as channel:
        try:
            return StatusServiceStub(channel).GetStatus(GetStatusRequest(), timeout=60).workers
        except grpc.RpcError:
            return None


def answered_calls(service: Service) -> float:
    """How many predictions the metrics count."""
    text = http_get(f"http://127.0.0.1:{service.metrics_port}/metrics").text
    lines = [line for line in text.splitlines() if line.startswith("housing_predictions_total{")]
    return sum(float(line.split()[-1]) for line in lines)


def test_killed_worker_is_replaced_and_its_counts_live_on(
    state_dir: Path, transport: str, block_group: BlockGroup
) -> None:
    """After kill -9 of each worker the service serves again, and no counter has run backwards."""
    with running_service(state_dir, workers=2, transport=transport) as service:
        predict(service.target, block_group, times=20)
        victims = serving_workers(service)
        for victim in victims:
            victim.kill()
        service.command.wait_for("worker serving", count=4)
        assert {process.pid for process in serving_workers(service)}.isdisjoint(victim.pid for victim in victims)
        predict(service.target, block_group, times=20)
        assert answered_calls(service) == 40
        status = wait_for(lambda: worker_status(service.target), "a worker")
        assert (status.serving, status.restarts) == (2, 2)


def predict(target: str, block_group: BlockGroup, times: int) -> None:
    """Ask for predictions, each over a new connection, so that every worker gets some."""
    for _ in range(times):
        with grpc.insecure_channel(target) as channel:
            PredictionServiceStub(channel).Predict(PredictRequest(block_group=block_group), wait_for_ready=True)


def test_workers_end_when_the_supervisor_is_killed(state_dir: Path, transport: str) -> None:
    """Nothing is left running, and the port is free again."""
    with running_service(state_dir, workers=2, transport=transport) as service:
        workers = serving_workers(service)
        assert len(workers) == 2
        os.kill(service.command.pid, signal.SIGKILL)
        service.command.exit_code()
        gone, alive = psutil.wait_procs(workers, timeout=60)
        assert (len(gone), alive) == (2, [])


def test_ctrl_c_stops_it_like_sigterm(state_dir: Path) -> None:
    """SIGINT ends it with exit code 0."""
    with running_service(state_dir) as service:
        service.command.send(signal.SIGINT)
        assert service.command.exit_code() == 0


def failure(tracking_uri: str = "", **settings: object) -> str:
    """Start a service that cannot start; return what it says, which must be one line."""
    chosen = {"grpc_port": 0, "gateway_port": 0, "metrics_port": 0, "workers": 1} | settings
    environment = {f"HOUSING_{name.upper()}": str(value) for name, value in chosen.items()}
    environment["MLFLOW_TRACKING_URI"] = tracking_uri
    with HousingCommand("serve", environment=environment) as command:
        assert command.exit_code() == 1
        lines = command.errors.splitlines()
        assert len(lines) == 1, command.errors
        return lines[0]


def test_missing_registry_is_said_in_one_line(tmp_path: Path) -> None:
    """Without a registry the service says how to get one."""
    line = failure(state_dir=tmp_path)
    assert "no model registry" in line
    assert "housing train" in line


@pytest.mark.parametrize("uri", ["models:/california-housing@nobody", "models:/nothing/7", "california-housing"])
def test_missing_model_is_said_in_one_line(state_dir: Path, uri: str) -> None:
    """An alias, version or URI that does not exist is named."""
    line = failure(state_dir=state_dir, model_uri=uri)
    assert uri in line
    assert "HOUSING_MODEL_URI" in line


def test_unreachable_registry_is_said_in_one_line(tmp_path: Path) -> None:
    """A tracking server that does not answer is named by its setting."""
    with port_of_nobody() as port:
        assert "MLFLOW_TRACKING_URI" in failure(tracking_uri=f"http://127.0.0.1:{port}", state_dir=tmp_path)


@pytest.mark.parametrize("name", ["grpc_port", "gateway_port", "metrics_port"])
def test_taken_port_is_said_in_one_line(state_dir: Path, name: str) -> None:
    """A port that somebody listens on is named, with the setting that moves it."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        line = failure(state_dir=state_dir, transport=transport_or_skip("envoy"), **{name: port})
    assert str(port) in line
    assert f"HOUSING_{name.upper()}" in line


def test_port_of_another_service_is_not_shared(state_dir: Path) -> None:
    """A second service on the same port is refused, although both would share it among their workers."""
    with running_service(state_dir) as service:
        assert "HOUSING_GRPC_PORT" in failure(state_dir=state_dir, grpc_port=service.grpc_port)


def test_setting_out_of_range_is_said_in_one_line(state_dir: Path) -> None:
    """A value that is not allowed is named by its variable."""
    assert "HOUSING_WORKERS" in failure(state_dir=state_dir, workers=0)


def test_graph_for_other_features_is_refused(folder: Path) -> None:
    """A graph trained on another list of features is never served."""
    point_alias(folder, FOREIGN)
    assert "distance_to_coast" in failure(state_dir=folder)
