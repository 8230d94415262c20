"""The fields of a block group: names, units, bounds and allowed values, read from the contract's descriptor.

A row is the nine fields of a `BlockGroup` as float64, in `FEATURES` order: the only input of models. NaN stands for a
missing field, and a text field is the index of its value in `Feature.choices`.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message

from buf.validate import validate_pb2
from housing.v1 import annotations_pb2, block_group_pb2


@dataclass(frozen=True, slots=True, kw_only=True)
class Feature:
    """A field of `BlockGroup`."""

    name: str
    """Name of the field and of the column in tables."""
    unit: str
    """Unit of its values; empty for a text field."""
    required: bool
    """Whether a request must include it."""
    minimum: float | None
    """Minimum, inclusive; None for a text field."""
    maximum: float | None
    """Maximum, inclusive; None for a text field."""
    choices: tuple[str, ...]
    """The allowed values, in the order of their codes; empty for a number."""


_KNOWN_RULES: dict[str, set[str]] = {"required": set(), "double": {"gte", "lte"}, "string": {"in"}}
"""The rules of a field that `Feature` can represent, by kind."""


def _feature(field: FieldDescriptor) -> Feature:
    rules: validate_pb2.FieldRules = field.GetOptions().Extensions[validate_pb2.field]
    for kind, rule in rules.ListFields():
        given = {part.name for part, _ in rule.ListFields()} if isinstance(rule, Message) else set()
        if not given <= _KNOWN_RULES.get(kind.name, set()) or kind.name not in _KNOWN_RULES:
            raise ValueError(f"{field.name} has a rule that is not supported for rows: {kind.name} {given}")
    numeric = field.type == FieldDescriptor.TYPE_DOUBLE
    return Feature(
        name=field.name,
        unit=field.GetOptions().Extensions[annotations_pb2.unit],
        required=rules.required,
        minimum=rules.double.gte if numeric else None,
        maximum=rules.double.lte if numeric else None,
        choices=tuple(getattr(rules.string, "in")),
    )


FEATURES: tuple[Feature, ...] = tuple(_feature(field) for field in block_group_pb2.BlockGroup.DESCRIPTOR.fields)
"""The fields of `BlockGroup`, in the order of a row's columns."""

FEATURE_NAMES: tuple[str, ...] = tuple(feature.name for feature in FEATURES)
"""The names of the fields, in the same order."""

COLUMNS: Mapping[str, int] = {name: column for column, name in enumerate(FEATURE_NAMES)}
"""The column of a row that a field is in, by name."""
