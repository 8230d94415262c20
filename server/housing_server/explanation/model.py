"""A model that can be explained: the served graph, and a background to explain it against."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from housing.background import Background
from housing.graph import PRICE
from housing.v1.model_service_pb2 import Model as ModelDescription
from housing_server.core.model import Estimates, Rows
from housing_server.errors import ExplanationNotAvailable, ModelRejected
from housing_server.explanation.attribution import Attribution, Attributor
from housing_server.explanation.background import read_background
from housing_server.model_store.files import GRAPH_FILE, read_description
from housing_server.models.golden import read_golden
from housing_server.models.loading import example_rows
from housing_server.models.onnx import OnnxModel

TOLERANCE_USD = 1.0
"""Largest difference allowed between the sum of an explanation and the price."""
CHECKED = 5
"""The number of explanations that are compared with prices when a model is loaded."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Explained:
    """Prices of n rows, with their explanations."""

    model: OnnxModel
    """The model that estimated them."""
    rows: Rows
    """The rows, float64, shape (n, 9)."""
    estimates: Estimates
    """The model's outputs."""
    attribution: Attribution
    """The contributions of the fields."""


class ExplainedModel:
    """A graph and its background; for one thread at a time."""

    def __init__(self, graph: OnnxModel, background: Background) -> None:
        self.description = graph.description
        """The identity and origin of the model."""
        self._graph = graph
        self._attributor = Attributor(lambda rows: graph.run([PRICE], rows)[PRICE], background)

    @classmethod
    def load(cls, folder: Path) -> ExplainedModel:
        """Load a fetched model, and check that its explanations add up.

        Raises:
            ExplanationNotAvailable: it was registered without a background, or is not a graph.
            ModelRejected: its files are damaged, or its outputs are not finite.
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
        """Estimate a price for each row, shape (n, 9), and compute the contribution of each field."""
        return Explained(
            model=self._graph,
            rows=rows,
            estimates=self._graph.estimate(rows),
            attribution=self._attributor.attribute(rows),
        )

    def check(self, rows: Rows) -> None:
        """Check that the explanations of rows add up to their prices.

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
        f"version {description.version} of {description.name} was registered without the data that explanations need"
    )
