"""Models as the core sees them: rows in, prices out; and the usual one, a graph in ONNX Runtime."""

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from housing.contract import FEATURE_NAMES
from housing.v1.model_service_pb2 import Model as ModelDescription
from housing_server.errors import ModelRejected

Rows = NDArray[np.float64]
"""float64, shape (n, 9): columns in `housing.contract.FEATURES` order, NaN where a field was left out."""

_INPUT = "block_groups"
_PRICE, _OCEAN_PROXIMITY = "median_house_value", "ocean_proximity"


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimates:
    """What a model answers for n rows."""

    median_house_value: NDArray[np.float64]
    """USD, shape (n,)."""
    ocean_proximity: NDArray[np.int64]
    """Codes of the label given or derived, shape (n,); -1 where it was left out and the model derives none."""


class Model(Protocol):
    """A loaded model."""

    description: ModelDescription
    """Where it comes from."""
    inline: bool
    """Whether it answers a few rows so quickly that it may run on the event loop."""

    def estimate(self, rows: Rows) -> Estimates:
        """Estimate one price a row; safe to call from several threads."""


class OnnxModel:
    """A graph from the contract's raw rows to prices, in ONNX Runtime on the calling thread alone."""

    inline = True

    def __init__(self, graph: Path, description: ModelDescription) -> None:
        """Load a graph.

        Raises:
            ModelRejected: the file is no graph, or its input, output or features are not the contract's.
        """
        options = onnxruntime.SessionOptions()
        # Workers are the unit of parallelism; threads inside one would only fight with the others over the cores.
        options.intra_op_num_threads = 1
        options.inter_op_num_threads = 1
        options.log_severity_level = 3
        try:
            self._session = onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])
        except Exception as error:  # ONNX Runtime has an exception type for each kind of damage and no common base
            raise ModelRejected(f"{graph} is not a graph that ONNX Runtime can load: {error}") from error
        self.description = description
        _check_interface(self._session, graph)
        self._outputs = [_PRICE]
        if _OCEAN_PROXIMITY in {output.name for output in self._session.get_outputs()}:
            self._outputs.append(_OCEAN_PROXIMITY)

    def estimate(self, rows: Rows) -> Estimates:
        """Estimate one price a row."""
        price, *label = self._session.run(self._outputs, {_INPUT: rows})
        return Estimates(median_house_value=price, ocean_proximity=label[0] if label else given_labels(rows))


def _check_interface(session: onnxruntime.InferenceSession, graph: Path) -> None:
    inputs = [(each.name, each.type) for each in session.get_inputs()]
    if inputs != [(_INPUT, "tensor(double)")]:
        raise ModelRejected(f"{graph} must read one tensor(double) named {_INPUT}, not {inputs}")
    if _PRICE not in {output.name for output in session.get_outputs()}:
        raise ModelRejected(f"{graph} has no output named {_PRICE}")
    features = session.get_modelmeta().custom_metadata_map.get("features", "")
    if features != ",".join(FEATURE_NAMES):
        raise ModelRejected(
            f"{graph} reads the features [{features}], this server's contract has [{','.join(FEATURE_NAMES)}]; "
            "train it again with this version"
        )


def given_labels(rows: Rows) -> NDArray[np.int64]:
    """Tell the ocean proximity codes that rows carry; -1 where it was left out."""
    codes = rows[:, FEATURE_NAMES.index("ocean_proximity")]
    return np.where(np.isnan(codes), -1, codes).astype(np.int64)
