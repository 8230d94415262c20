"""The service under test: its commands, started on free ports."""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.request import urlopen

from prometheus_client.parser import text_string_to_metric_families

from housing_benchmarks.errors import BenchmarkError
from housing_benchmarks.processes import PYTHON, Command, Server, answers, free_port, running, says
from housing_benchmarks.programs import ROOT, run_program

_HOUSING = (PYTHON, "-m", "housing_client")
_NOT_FAILED = ("OK", "CANCELLED")
_TRAINING_SECONDS = 1800.0
_DOWNLOAD_SECONDS = 120.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Registry:
    """Where the model is."""

    tracking_uri: str
    """MLflow's registry."""
    model_uri: str
    """The model in it."""

    @property
    def environment(self) -> dict[str, str]:
        """The settings by which the service finds it."""
        return {"MLFLOW_TRACKING_URI": self.tracking_uri, "HOUSING_MODEL_URI": self.model_uri}


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """A running `housing serve` and the `housing gateway` in front of it."""

    server: Server
    """The supervisor."""
    gateway: Server
    """The gateway's launcher."""
    grpc_port: int
    """Port of the gRPC services."""
    metrics_port: int
    """Port of metrics and probes."""
    gateway_port: int
    """Port of the JSON routes."""

    def failed_calls(self) -> dict[str, int]:
        """Count the calls that have failed since the server's start, by status.

        Those that were cancelled are not among them: h2load hangs up on what is in flight when its time is over.
        """
        samples = self._samples("grpc_server_handled")
        counts = [
            (labels["grpc_code"], int(value)) for labels, value in samples if labels["grpc_code"] not in _NOT_FAILED
        ]
        return {code: sum(count for each, count in counts if each == code) for code, _ in counts}

    def resident_bytes(self) -> dict[str, int]:
        """Tell the resident memory of each process, as the server measures it."""
        samples = self._samples("housing_process_resident_memory_bytes")
        return {labels["process"]: int(value) for labels, value in samples}

    def _samples(self, family: str) -> list[tuple[Mapping[str, str], float]]:
        with urlopen(f"http://127.0.0.1:{self.metrics_port}/metrics", timeout=10) as answer:
            families = text_string_to_metric_families(answer.read().decode())
            found = [sample for each in families if each.name == family for sample in each.samples]
        return [(sample.labels, sample.value) for sample in found if not sample.name.endswith("_created")]


def find_registry() -> Registry:
    """Find the registry that the environment names, else that of the state folder; train if it was never filled."""
    state = Path(os.environ.get("HOUSING_STATE_DIR", ROOT / "var")).absolute()
    uri = os.environ.get("MLFLOW_TRACKING_URI") or f"sqlite:///{state}/mlflow.db"
    if not (state / "mlflow.db").exists() and "MLFLOW_TRACKING_URI" not in os.environ:
        run_program([*_HOUSING, "train"], seconds=_TRAINING_SECONDS)
    return Registry(
        tracking_uri=uri, model_uri=os.environ.get("HOUSING_MODEL_URI", "models:/california-housing@champion")
    )


def fetch_graph(registry: Registry, folder: Path) -> Path:
    """Fetch the model's graph from the registry.

    Raises:
        BenchmarkError: the model is no graph.
    """
    command: list[str | Path] = [
        PYTHON,
        "-m",
        "mlflow",
        "artifacts",
        "download",
        "-u",
        registry.model_uri,
        "-d",
        folder / "graph",
    ]
    run_program(command, seconds=_DOWNLOAD_SECONDS, environment=registry.environment)
    graph = next(folder.rglob("*.onnx"), None)
    if graph is None:
        raise BenchmarkError(f"{registry.model_uri} is no ONNX graph: register one with `housing train`")
    return graph


@contextmanager
def running_service(registry: Registry, folder: Path, workers: int) -> Iterator[Service]:
    """Run server and gateway until the end of the block; what they keep goes into a folder."""
    ports = {name: free_port() for name in ("grpc", "metrics", "gateway")}
    settings = {f"HOUSING_{name.upper()}_PORT": str(port) for name, port in ports.items()}
    settings |= registry.environment | {"HOUSING_STATE_DIR": str(folder), "HOUSING_WORKERS": str(workers)}
    serve = Command(arguments=[*_HOUSING, "serve"], environment=settings)
    gateway = Command(arguments=[*_HOUSING, "gateway"], environment=settings)
    at_work = says("worker serving", workers)
    through = answers(f"http://127.0.0.1:{ports['gateway']}/api/model")
    with (
        running(serve, folder / "serve.log", at_work) as server,
        running(gateway, folder / "gateway.log", through) as launcher,
    ):
        yield Service(
            server=server,
            gateway=launcher,
            grpc_port=ports["grpc"],
            metrics_port=ports["metrics"],
            gateway_port=ports["gateway"],
        )
