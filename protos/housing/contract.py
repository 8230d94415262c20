"""The contract's rules for a block group, read from its descriptor, and conversions between messages and rows.

A row is the nine fields of a `BlockGroup` as float64, in `FEATURES` order: the only input of models. NaN stands for a
missing field, and a text field is the index of its value in `Feature.choices`.
"""

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from types import ModuleType
from typing import Any

from google.protobuf import descriptor_pb2
from google.protobuf.descriptor import FieldDescriptor, FileDescriptor
from google.protobuf.message import Message
from google.rpc import error_details_pb2, status_pb2

from buf.validate import validate_pb2
from housing.v1 import (
    annotations_pb2,
    block_group_pb2,
    explanation_service_pb2,
    model_service_pb2,
    outcome_service_pb2,
    prediction_log_service_pb2,
    prediction_service_pb2,
    status_service_pb2,
)

_LOG_MODULES: tuple[ModuleType, ...] = (prediction_log_service_pb2, outcome_service_pb2)


def _names(modules: Iterable[ModuleType]) -> tuple[str, ...]:
    return tuple(service.full_name for module in modules for service in module.DESCRIPTOR.services_by_name.values())


LOG_SERVICES: tuple[str, ...] = _names(_LOG_MODULES)
"""Full names of the services of the prediction log."""

(PREDICTION_SERVICE,) = _names((prediction_service_pb2,))
"""Full name of the service that predicts prices."""

(EXPLANATION_SERVICE,) = _names((explanation_service_pb2,))
"""Full name of the service that explains prices."""

SERVICES: tuple[str, ...] = (
    *_names((prediction_service_pb2, model_service_pb2, status_service_pb2)),
    *LOG_SERVICES,
    EXPLANATION_SERVICE,
)
"""Full names of the contract's services, for example `housing.v1.PredictionService`."""


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


@dataclass(frozen=True, slots=True, kw_only=True)
class UnusualRule:
    """A combination of two fields that causes a warning."""

    field: int
    """Column of the field that the warning is about."""
    exceeds: int
    """Column that it rarely exceeds: the rule applies when `row[field] > row[exceeds]`."""
    warning: prediction_service_pb2.Warning
    """The warning to return."""


_KNOWN_RULES: dict[str, set[str]] = {"required": set(), "double": {"gte", "lte"}, "string": {"in"}}
"""The rules that `Feature` can represent, by kind."""


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


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderRule:
    """A rule that one field must not exceed another, where both are given."""

    field: int
    """Column of the field that is bounded."""
    limit: int
    """Column that it must not exceed: the rule is broken when `row[field] > row[limit]`."""


_DESCRIPTOR = block_group_pb2.BlockGroup.DESCRIPTOR

FEATURES: tuple[Feature, ...] = tuple(_feature(field) for field in _DESCRIPTOR.fields)
"""The fields of `BlockGroup`, in the order of a row's columns."""

FEATURE_NAMES: tuple[str, ...] = tuple(feature.name for feature in FEATURES)
"""The names of the fields, in the same order."""

_COLUMNS = {feature.name: column for column, feature in enumerate(FEATURES)}
_CODES = {
    feature.name: {choice: float(code) for code, choice in enumerate(feature.choices)}
    for feature in FEATURES
    if feature.choices
}


def _order_rule(expression: str) -> OrderRule:
    """Parse the only form of two-field rules in the contract, so that it can be applied to rows."""
    form = re.fullmatch(r"!\(has\(this\.(\w+)\) && has\(this\.(\w+)\) && this\.\1 > this\.\2\)", expression)
    if form is None:
        raise ValueError(f"a rule of BlockGroup has a form that is not supported for rows: {expression}")
    return OrderRule(field=_COLUMNS[form[1]], limit=_COLUMNS[form[2]])


ORDER_RULES: tuple[OrderRule, ...] = tuple(
    _order_rule(rule.expression) for rule in _DESCRIPTOR.GetOptions().Extensions[validate_pb2.message].cel
)
"""The rules about two fields."""


def _unusual_rule(rule: annotations_pb2.UnusualRule) -> UnusualRule:
    return UnusualRule(
        field=_COLUMNS[rule.field],
        exceeds=_COLUMNS[rule.exceeds],
        warning=prediction_service_pb2.Warning(reason=rule.reason, field=rule.field, message=rule.message),
    )


UNUSUAL_RULES: tuple[UnusualRule, ...] = tuple(
    _unusual_rule(rule) for rule in _DESCRIPTOR.GetOptions().Extensions[annotations_pb2.unusual]
)
"""The combinations that cause a warning."""


def _batch_sizes() -> range:
    field = prediction_service_pb2.BatchPredictRequest.DESCRIPTOR.fields_by_name["block_groups"]
    rules = field.GetOptions().Extensions[validate_pb2.field].repeated
    return range(rules.min_items, rules.max_items + 1)


BATCH_SIZES: range = _batch_sizes()
"""The allowed sizes of a batch."""


def row_from_message(message: block_group_pb2.BlockGroup) -> list[float]:
    """Convert a validated block group to a row."""
    row = [math.nan] * len(FEATURES)
    for field, value in message.ListFields():
        codes = _CODES.get(field.name)
        row[field.index] = value if codes is None else codes[value]
    return row


def message_from_row(row: Sequence[float]) -> block_group_pb2.BlockGroup:
    """Convert a row to a block group; NaN leaves the field unset."""
    return message_from_mapping(
        {
            feature.name: feature.choices[int(value)] if feature.choices else value
            for feature, value in zip(FEATURES, row, strict=True)
            if not math.isnan(value)
        }
    )


def message_from_mapping(values: Mapping[str, Any]) -> block_group_pb2.BlockGroup:
    """Create a block group from values by field name; None, NaN and absent names leave the field unset.

    Raises:
        ValueError: a name is not a field, or a value has the wrong type; the message says which.
    """
    message = block_group_pb2.BlockGroup()
    for name, value in values.items():
        if name not in _COLUMNS:
            raise ValueError(f"{name}: no such field; the fields are {', '.join(FEATURE_NAMES)}")
        if value is None or (isinstance(value, float) and math.isnan(value)):
            continue
        try:
            setattr(message, name, value if name in _CODES else float(value))
        except (TypeError, ValueError):
            kind = "text" if name in _CODES else "a number"
            raise ValueError(f"{name}: must be {kind}, not {value!r}") from None
    return message


def warnings_for(row: Sequence[float]) -> list[prediction_service_pb2.Warning]:
    """Return the warnings about a row."""
    return [rule.warning for rule in UNUSUAL_RULES if row[rule.field] > row[rule.exceeds]]


def descriptor_set() -> descriptor_pb2.FileDescriptorSet:
    """Return the files of the services with all their imports, imports first, for a transcoding gateway.

    The standard error details are included, since a gateway can only render details of known types.
    """
    roots = (
        prediction_service_pb2,
        model_service_pb2,
        status_service_pb2,
        *_LOG_MODULES,
        explanation_service_pb2,
        status_pb2,
        error_details_pb2,
    )
    collected: dict[str, descriptor_pb2.FileDescriptorProto] = {}
    _collect((root.DESCRIPTOR for root in roots), collected)
    return descriptor_pb2.FileDescriptorSet(file=collected.values())


def _collect(descriptors: Iterable[FileDescriptor], collected: dict[str, descriptor_pb2.FileDescriptorProto]) -> None:
    for descriptor in descriptors:
        if descriptor.name not in collected:
            _collect(descriptor.dependencies, collected)
            collected[descriptor.name] = descriptor_pb2.FileDescriptorProto()
            descriptor.CopyToProto(collected[descriptor.name])
