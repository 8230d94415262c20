"""Inspection of a graph's file before it is loaded, without the ONNX library.

ONNX Runtime opens whatever a graph refers to: files with weights beside it, and operators of extensions. Only files
within the model's folder are allowed, and only the standard operators and those that ONNX Runtime provides.
"""

from collections.abc import Iterator
from pathlib import Path

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from google.protobuf.message import DecodeError, Message

from housing_server.errors import ModelRejected

DOMAINS = frozenset({"", "ai.onnx", "ai.onnx.ml", "com.microsoft"})
"""The allowed domains of operators."""

_PACKAGE = "housing_server.graph_file"
_TEXT, _MESSAGE = descriptor_pb2.FieldDescriptorProto.TYPE_STRING, descriptor_pb2.FieldDescriptorProto.TYPE_MESSAGE
_SCHEMA: dict[str, dict[str, tuple[int, str | None]]] = {
    "Entry": {"key": (1, None), "value": (2, None)},
    "Tensor": {"external_data": (13, "Entry")},
    "SparseTensor": {"values": (1, "Tensor"), "indices": (2, "Tensor")},
    "Attribute": {
        "t": (5, "Tensor"),
        "g": (6, "Graph"),
        "tensors": (10, "Tensor"),
        "graphs": (11, "Graph"),
        "sparse_tensor": (22, "SparseTensor"),
        "sparse_tensors": (23, "SparseTensor"),
    },
    "Node": {"op_type": (4, None), "attribute": (5, "Attribute"), "domain": (7, None)},
    "Graph": {"node": (1, "Node"), "initializer": (5, "Tensor"), "sparse_initializer": (15, "SparseTensor")},
    "Function": {"node": (7, "Node"), "attribute_proto": (11, "Attribute")},
    "Model": {"graph": (7, "Graph"), "functions": (25, "Function")},
}
"""The parts of ONNX's file format that refer to files and operators: field numbers by message and field, as in the
standard's `onnx.proto`, and the type of message fields. All other fields are skipped."""


def check_graph_file(path: Path) -> None:
    """Check that a graph refers only to allowed operators and files.

    Raises:
        ModelRejected: it refers to others, or is not a graph.
    """
    try:
        model = _MODEL.FromString(path.read_bytes())
    except (OSError, DecodeError) as error:
        raise ModelRejected(f"{path} is not a graph that ONNX Runtime can load: {error}") from error
    for message in _messages(model):
        if message.DESCRIPTOR.name == "Node":
            _check_operator(path, message)
        elif message.DESCRIPTOR.name == "Tensor":
            _check_files(path, message)


def _check_operator(path: Path, node: Message) -> None:
    domain, operator = getattr(node, "domain"), getattr(node, "op_type")  # noqa: B009 - unknown to type checkers
    if domain not in DOMAINS:
        raise ModelRejected(f"{path} uses the operator {operator} of {domain!r}; only standard operators are allowed")


def _check_files(path: Path, tensor: Message) -> None:
    """Check that a tensor's values are in the graph, or in a regular file in its folder."""
    for entry in getattr(tensor, "external_data"):  # noqa: B009 - likewise
        if entry.key != "location":
            continue
        file = path.parent / entry.value
        if not file.resolve().is_relative_to(path.parent.resolve()) or not file.is_file():
            raise ModelRejected(f"{path} reads values from {entry.value!r}, which is not a file in its folder")


def _messages(message: Message) -> Iterator[Message]:
    """Yield all messages in a message, without recursion: graphs may nest to any depth."""
    waiting = [message]
    while waiting:
        current = waiting.pop()
        yield current
        for field, value in current.ListFields():
            if field.message_type is not None:
                waiting.extend(value)


def _model_type() -> type[Message]:
    file = descriptor_pb2.FileDescriptorProto(name="housing_server/graph_file.proto", package=_PACKAGE, syntax="proto3")
    for name, fields in _SCHEMA.items():
        message = file.message_type.add(name=name)
        for field, (number, kind) in fields.items():
            single = kind is None
            message.field.add(
                name=field,
                number=number,
                label=descriptor_pb2.FieldDescriptorProto.LABEL_OPTIONAL
                if single
                else descriptor_pb2.FieldDescriptorProto.LABEL_REPEATED,
                type=_TEXT if single else _MESSAGE,
                type_name=None if single else f".{_PACKAGE}.{kind}",
            )
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName(f"{_PACKAGE}.Model"))


_MODEL = _model_type()
