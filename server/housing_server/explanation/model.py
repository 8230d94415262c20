"""A model that can be explained: the graph that is served, and the experts behind it."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from housing.v1.model_service_pb2 import Model as ModelDescription
from housing_server.core.model import Estimates, Rows
from housing_server.errors import ExplanationNotAvailable, ModelRejected
from housing_server.explanation.attribution import Attribution, attribute
from housing_server.explanation.expert import Expert
from housing_server.explanation.files import ExplanationFiles, read_files
from housing_server.model_store.files import GRAPH_FILE, read_description
from housing_server.models.golden import read_golden
from housing_server.models.loading import example_rows
from housing_server.models.onnx import OnnxModel

_MATRIX, _WEIGHTS = "explain_features", "explain_weight"
"""What the graph puts out for explanations: what the experts read, and the weight of the local one."""

TOLERANCE_USD = 1.0
"""The most that an explanation may differ from the price."""


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
    """A graph and its experts; for one thread at a time."""

    def __init__(self, graph: OnnxModel, files: ExplanationFiles) -> None:
        """Load the experts.

        Raises:
            ModelRejected: their files are damaged, or they are not those of the graph.
        """
        self.description = graph.description
        """Where the model comes from."""
        self._graph = graph
        self._files = files
        threads = ThreadPoolExecutor(2, "trees")
        self._local, self._regional = (Expert(file, threads) for file in (files.local, files.regional))

    @classmethod
    def load(cls, folder: Path) -> ExplainedModel:
        """Load a fetched model, and make sure that its explanations add up.

        Raises:
            ExplanationNotAvailable: it came without what explanations need.
            ModelRejected: its files are damaged or do not fit together.
        """
        description = read_description(folder)
        files = read_files(folder)
        if files is None or description.runtime != "onnx":
            raise _not_explained(description)
        graph = OnnxModel(folder / GRAPH_FILE, description)
        if not graph.output_names.issuperset((_MATRIX, _WEIGHTS)):
            raise _not_explained(description)
        model = cls(graph, files)
        golden = read_golden(folder)
        model.check(example_rows() if golden is None else np.array(golden.rows()))
        return model

    def explain(self, rows: Rows) -> Explained:
        """Estimate a price for each row, shape (n, 9), and tell why."""
        outputs = self._graph.run((_MATRIX, _WEIGHTS), rows)
        local, regional = (expert.reasons(outputs[_MATRIX]) for expert in (self._local, self._regional))
        return Explained(
            model=self._graph,
            rows=rows,
            estimates=self._graph.estimate(rows),
            attribution=attribute(local, regional, outputs[_WEIGHTS], self._files),
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
