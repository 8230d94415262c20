"""A model that can be explained: the graph that is served, and a background to explain it before."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from housing.v1.model_service_pb2 import Model as ModelDescription
from housing_server.core.model import Estimates, Rows
from housing_server.errors import ExplanationNotAvailable, ModelRejected
from housing_server.explanation.attribution import Attribution, Attributor
from housing_server.explanation.background import Background, read_background
from housing_server.model_store.files import GRAPH_FILE, read_description
from housing_server.models.golden import read_golden
from housing_server.models.loading import example_rows
from housing_server.models.onnx import OnnxModel

TOLERANCE_USD = 1.0
"""The most that an explanation may differ from the price."""
CHECKED = 5
"""How many explanations are compared with prices when a model is loaded."""
_PRICE = "median_house_value"


@dataclass(frozen=True, slots=True, kw_only=True)
class Explained:
    """Prices of n rows, and why."""

    model: OnnxModel
    """What has estimated them."""
    rows: Rows
    """The rows, float64, shape (n, 9)."""
    estimates: Estimates
    """What is answered."""
    attribution: Attribution
    """What each field adds."""


class ExplainedModel:
    """A graph and its background; for one thread at a time."""

    def __init__(self, graph: OnnxModel, background: Background) -> None:
        self.description = graph.description
        """Where the model comes from."""
        self._graph = graph
        self._attributor = Attributor(lambda rows: graph.run([_PRICE], rows)[_PRICE], background)

    @classmethod
    def load(cls, folder: Path) -> ExplainedModel:
        """Load a fetched model, and make sure that its explanations add up.

        Raises:
            ExplanationNotAvailable: it came without a background, or is no graph.
            ModelRejected: its files are damaged, or its answers are not finite.
        """
        description = read_description(folder)
        background = read_background(folder)
        if background is None or description.runtime != "onnx":
            raise _not_explained(description)
        model = cls(OnnxModel(folder / GRAPH_FILE, description), background)
        golden = read_golden(folder)
        model.check((example_rows() if golden is None else np.array(golden.rows()))[:CHECKED])
        return model

    def explain(self, rows: Rows) -> Explained:
        """Estimate a price for each row, shape (n, 9), and compute what each field adds to it."""
        return Explained(
            model=self._graph,
            rows=rows,
            estimates=self._graph.estimate(rows),
            attribution=self._attributor.attribute(rows),
        )

    def check(self, rows: Rows) -> None:
        """Make sure that the explanations of rows add up to their prices.

        Raises:
            ModelRejected: they do not.
        """
        explained = self.explain(rows)
        off = np.abs(explained.attribution.prices - explained.estimates.median_house_value).max()
        if not off <= TOLERANCE_USD:  # written so that NaN counts as off
            raise ModelRejected(
                f"explanations of version {self.description.version} do not add up to its prices: they are off by "
                f"{off:,.2f} USD, at most {TOLERANCE_USD} is allowed"
            )


def _not_explained(description: ModelDescription) -> ExplanationNotAvailable:
    return ExplanationNotAvailable(
        f"version {description.version} of {description.name} was registered without what explanations need"
    )
