"""The inputs and outputs of a graph, for those who serve it."""

from collections.abc import Iterable
from dataclasses import dataclass

import onnx

from housing.graph import (
    INPUT,
    INTERVAL,
    INTERVAL_UPPER_OPEN,
    PRICE,
    PROXIMITY,
    WARNINGS,
)

MEANINGS = {
    INPUT: "the nine fields in the order of the contract, NaN where one was left out",
    PRICE: "prices in USD of 1990",
    PROXIMITY: "the code of `ocean_proximity` that was used, given or derived",
    INTERVAL: "lower and upper bound of the prices, in USD",
    INTERVAL_UPPER_OPEN: "whether the upper bound has reached the highest price there is data for",
    WARNINGS: "which of the warnings that the property `warnings` describes apply",
}
"""What the tensors hold."""
ROWS = "N"
"""Name of the number of rows, and of a dimension that a graph leaves open."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tensor:
    """An input or an output of a graph."""

    name: str
    """Its name."""
    kind: str
    """Type of its elements, such as `double`."""
    shape: str
    """Its dimensions, such as `(N, 9)`."""
    meaning: str
    """What it holds; empty for an unknown tensor."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Interface:
    """The surface of a graph."""

    inputs: tuple[Tensor, ...]
    """What it reads."""
    outputs: tuple[Tensor, ...]
    """What it answers."""
    opset: int
    """Version of the ONNX operators that a runtime must know."""


def interface_of(graph: onnx.ModelProto) -> Interface:
    """Read a graph's surface."""
    return Interface(
        inputs=_tensors(graph.graph.input),
        outputs=_tensors(graph.graph.output),
        opset=next(each.version for each in graph.opset_import if not each.domain),
    )


def properties_of(graph: onnx.ModelProto) -> dict[str, str]:
    """Read a graph's properties by name."""
    return {each.key: each.value for each in graph.metadata_props}


def _tensors(values: Iterable[onnx.ValueInfoProto]) -> tuple[Tensor, ...]:
    return tuple(
        Tensor(
            name=value.name,
            kind=onnx.TensorProto.DataType.Name(value.type.tensor_type.elem_type).lower(),
            shape=_shape(value.type.tensor_type.shape),
            meaning=MEANINGS.get(value.name, ""),
        )
        for value in values
    )


def _shape(shape: onnx.TensorShapeProto) -> str:
    sizes = [str(getattr(size, size.WhichOneof("value") or "", ROWS)) for size in shape.dim]
    return f"({', '.join(sizes)}{',' * (len(sizes) == 1)})"
