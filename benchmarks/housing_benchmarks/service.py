"""The service under test: its commands, started on free ports, and its own metrics."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Literal
from urllib.request import urlopen

import grpc
from prometheus_client.parser import text_string_to_metric_families

from housing.v1.prediction_log_service_pb2 import ListPredictionsRequest
from housing.v1.prediction_log_service_pb2_grpc import PredictionLogServiceStub
from housing_benchmarks.processes import (
    HOUSING,
    Command,
    Server,
    answers,
    free_port,
    running,
    says,
    usage_of,
    wait_until_idle,
)
from housing_benchmarks.registry import Registry

LogMode = Literal["lenient", "strict", "off"]
"""Mode of the service's prediction log."""
Transport = Literal["grpc", "envoy"]
"""What carries the service's calls."""

_NOT_FAILED = ("OK", "CANCELLED")
_FINISH_SECONDS = 120.0
_START_SECONDS = 15.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """A running `housing serve`."""

    server: Server
    """The supervisor."""
    grpc_port: int
    """Port of the gRPC services."""
    metrics_port: int
    """Port of metrics and probes."""
    json_port: int | None = None
    """Port of JSON; None where a gateway serves it."""
    log_mode: LogMode
    """Mode of its prediction log."""

    def finish(self) -> None:
        """Wait until every prediction is in the store: reading the log drains the journals first."""
        if self.log_mode == "off":
            return
        with grpc.insecure_channel(f"127.0.0.1:{self.grpc_port}") as channel:
            log = PredictionLogServiceStub(channel)
            log.ListPredictions(ListPredictionsRequest(page_size=1), timeout=_FINISH_SECONDS, wait_for_ready=True)

    def failed_calls(self) -> dict[str, int]:
        """Count the failed calls since the server's start, by status.

        Cancelled calls are not counted: h2load hangs up on pending calls when its time is over.
        """
        samples = self._samples("grpc_server_handled")
        counts = [
            (labels["grpc_code"], int(value)) for labels, value in samples if labels["grpc_code"] not in _NOT_FAILED
        ]
        return {code: sum(count for each, count in counts if each == code) for code, _ in counts}

    def resident_bytes(self) -> dict[str, int]:
        """Return the resident memory of each process, as measured by the server."""
        return self._of_processes("housing_process_resident_memory_bytes")

    def open_files(self) -> dict[str, int]:
        """Return the number of open files of each process, as measured by the server."""
        return self._of_processes("housing_process_open_files")

    def _of_processes(self, family: str) -> dict[str, int]:
        return {labels["process"]: int(value) for labels, value in self._samples(family)}

    def _samples(self, family: str) -> list[tuple[Mapping[str, str], float]]:
        with urlopen(f"http://127.0.0.1:{self.metrics_port}/metrics", timeout=10) as answer:
            families = text_string_to_metric_families(answer.read().decode())
            found = [sample for each in families if each.name == family for sample in each.samples]
        return [(sample.labels, sample.value) for sample in found if not sample.name.endswith("_created")]


@dataclass(frozen=True, slots=True, kw_only=True)
class Gateway:
    """A running `housing gateway`."""

    server: Server
    """Its launcher."""
    port: int
    """Port of the JSON routes."""


@contextmanager
def running_service(
    registry: Registry, folder: Path, workers: int, log_mode: LogMode = "lenient", transport: Transport = "grpc"
) -> Iterator[Service]:
    """Run the server until the end of the block, with a state folder of its own."""
    state, grpc_port, metrics_port = folder / f"{transport}-log-{log_mode}", free_port(), free_port()
    json_port = free_port()
    state.mkdir(exist_ok=True)  # may be left by an earlier service
    settings = {
        "HOUSING_GRPC_PORT": str(grpc_port),
        "HOUSING_METRICS_PORT": str(metrics_port),
        "HOUSING_STATE_DIR": str(state),
        "HOUSING_WORKERS": str(workers),
        "HOUSING_PREDICTION_LOG_MODE": log_mode,
        "HOUSING_TRANSPORT": transport,
        "HOUSING_GATEWAY_PORT": str(json_port),
    }
    serve = Command(arguments=[*HOUSING, "serve"], environment=settings | registry.environment)
    with running(serve, state / "serve.log", says("worker serving", workers)) as server:
        # The explainer takes longer to start, and must not distort the first calls.
        wait_until_idle(partial(usage_of, [server]), patience=_START_SECONDS)
        yield Service(
            server=server,
            grpc_port=grpc_port,
            metrics_port=metrics_port,
            json_port=json_port if transport == "envoy" else None,
            log_mode=log_mode,
        )


@contextmanager
def running_gateway(service: Service, folder: Path) -> Iterator[Gateway]:
    """Run a gateway in front of a service until the end of the block."""
    port = free_port()
    settings = {
        "HOUSING_GRPC_PORT": str(service.grpc_port),
        "HOUSING_METRICS_PORT": str(service.metrics_port),
        "HOUSING_GATEWAY_PORT": str(port),
        "HOUSING_STATE_DIR": str(folder),
    }
    command = Command(arguments=[*HOUSING, "gateway"], environment=settings)
    ready = answers(f"http://127.0.0.1:{port}/api/model")
    with running(command, folder / "gateway.log", ready) as server:
        yield Gateway(server=server, port=port)
