"""The standard kind of model: a graph in ONNX Runtime."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from housing.features import FEATURE_NAMES
from housing.graph import (
    COVERAGE_PROPERTY,
    FEATURES_PROPERTY,
    INPUT,
    INTERVAL,
    INTERVAL_UPPER_OPEN,
    PRICE,
    PROXIMITY,
    WARNINGS,
    WARNINGS_PROPERTY,
)
from housing.v1.model_service_pb2 import Model as ModelDescription
from housing.v1.prediction_service_pb2 import Warning as PredictionWarning
from housing_server.core.model import Estimates, Intervals, Rows, given_labels
from housing_server.errors import ModelRejected
from housing_server.models.graph_file import check_graph_file
from housing_server.system.memory import release_freed_memory

_OPTIONAL = (PROXIMITY, INTERVAL, INTERVAL_UPPER_OPEN, WARNINGS)
"""The optional outputs of a graph."""

_ROWS_IN_A_RUN = 512
"""More rows are split: ONNX Runtime keeps the memory of its largest run on each thread, see docs/performance.md."""


class OnnxModel:
    """A graph from the contract's raw rows to prices, in ONNX Runtime on the calling thread only."""

    inline = True

    def __init__(self, graph: Path, description: ModelDescription) -> None:
        """Load a graph.

        Raises:
            ModelRejected: the file is not a graph, it refers to operators or files that are not allowed, or its input,
                outputs or features are not the contract's.
        """
        check_graph_file(graph)
        options = onnxruntime.SessionOptions()
        # Workers are the unit of parallelism; threads inside one would only compete with the others for the cores.
        options.intra_op_num_threads = 1
        options.inter_op_num_threads = 1
        options.log_severity_level = 3
        try:
            self._session = onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])
        except Exception as error:  # ONNX Runtime has an exception type for each kind of damage and no common base
            raise ModelRejected(f"{graph} is not a graph that ONNX Runtime can load: {error}") from error
        release_freed_memory()
        self.description = description
        _check_interface(self._session, graph)
        self.output_names = frozenset(output.name for output in self._session.get_outputs())
        """Names of all outputs of the graph."""
        self._outputs = [PRICE, *(name for name in _OPTIONAL if name in self.output_names)]
        properties = self._session.get_modelmeta().custom_metadata_map
        self.interval_coverage = float(properties.get(COVERAGE_PROPERTY, 0))
        self.warnings = _warnings(properties.get(WARNINGS_PROPERTY, "[]"), graph)

    def estimate(self, rows: Rows) -> Estimates:
        """Estimate one price per row."""
        outputs = self.run(self._outputs, rows)
        interval = None
        if INTERVAL in outputs:
            interval = Intervals(bounds=outputs[INTERVAL], upper_open=outputs[INTERVAL_UPPER_OPEN])
        label = outputs.get(PROXIMITY)
        return Estimates(
            median_house_value=outputs[PRICE],
            ocean_proximity=given_labels(rows) if label is None else label,
            interval=interval,
            warned=outputs.get(WARNINGS),
        )

    def run(self, names: Sequence[str], rows: Rows) -> dict[str, NDArray[Any]]:
        """Run the graph on rows, shape (n, 9), and return the requested outputs by name, each of length n."""
        parts = [
            self._session.run(names, {INPUT: rows[start : start + _ROWS_IN_A_RUN]})
            for start in range(0, len(rows), _ROWS_IN_A_RUN)
        ]
        columns = parts[0] if len(parts) == 1 else map(np.concatenate, zip(*parts, strict=True))
        return dict(zip(names, columns, strict=True))


def _warnings(text: str, graph: Path) -> tuple[PredictionWarning, ...]:
    """Parse the warnings that a graph declares."""
    try:
        return tuple(PredictionWarning(**each) for each in json.loads(text))
    except (TypeError, ValueError) as error:
        raise ModelRejected(f"the warnings that {graph} declares are malformed: {error}") from error


def _check_interface(session: onnxruntime.InferenceSession, graph: Path) -> None:
    inputs = [(each.name, each.type) for each in session.get_inputs()]
    if inputs != [(INPUT, "tensor(double)")]:
        raise ModelRejected(f"{graph} must read one tensor(double) named {INPUT}, not {inputs}")
    outputs = {output.name for output in session.get_outputs()}
    if PRICE not in outputs:
        raise ModelRejected(f"{graph} has no output named {PRICE}")
    if INTERVAL in outputs and INTERVAL_UPPER_OPEN not in outputs:
        raise ModelRejected(f"{graph} has the output {INTERVAL}, but not {INTERVAL_UPPER_OPEN}")
    features = session.get_modelmeta().custom_metadata_map.get(FEATURES_PROPERTY, "")
    if features != ",".join(FEATURE_NAMES):
        raise ModelRejected(
            f"{graph} reads the features [{features}], this server's contract has [{','.join(FEATURE_NAMES)}]; "
            "retrain it with this version"
        )
