"""The registry and the graph of the model; the registry is filled first if it is empty."""

import os
from dataclasses import dataclass
from pathlib import Path

from housing_benchmarks.errors import BenchmarkError
from housing_benchmarks.processes import HOUSING, PYTHON
from housing_benchmarks.programs import ROOT, run_program

_TRAINING_SECONDS = 1800.0
_DOWNLOAD_SECONDS = 120.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Registry:
    """The location of the model."""

    tracking_uri: str
    """URI of MLflow's registry."""
    model_uri: str
    """URI of the model in it."""

    @property
    def environment(self) -> dict[str, str]:
        """The settings that point the service to it."""
        return {"MLFLOW_TRACKING_URI": self.tracking_uri, "HOUSING_MODEL_URI": self.model_uri}


def find_registry() -> Registry:
    """Return the registry from the environment, else that of the state folder; train if it is empty."""
    state = Path(os.environ.get("HOUSING_STATE_DIR", ROOT / "var")).absolute()
    uri = os.environ.get("MLFLOW_TRACKING_URI") or f"sqlite:///{state}/mlflow.db"
    if not (state / "mlflow.db").exists() and "MLFLOW_TRACKING_URI" not in os.environ:
        run_program([*HOUSING, "train"], seconds=_TRAINING_SECONDS)
    return Registry(
        tracking_uri=uri, model_uri=os.environ.get("HOUSING_MODEL_URI", "models:/california-housing@champion")
    )


def fetch_graph(registry: Registry, folder: Path) -> Path:
    """Fetch the model's graph from the registry.

    Raises:
        BenchmarkError: the model is not a graph.
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
        raise BenchmarkError(f"{registry.model_uri} is not an ONNX graph: register one with `housing train`")
    return graph
