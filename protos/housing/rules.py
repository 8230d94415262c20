"""Rules of the contract that are about more than one field, read from its descriptor."""

import re
from dataclasses import dataclass

from buf.validate import validate_pb2
from housing.features import COLUMNS
from housing.v1 import annotations_pb2, block_group_pb2, prediction_service_pb2

_OPTIONS = block_group_pb2.BlockGroup.DESCRIPTOR.GetOptions()


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderRule:
    """A rule that one field must not exceed another, where both are given."""

    field: int
    """Column of the field that is bounded."""
    limit: int
    """Column that it must not exceed: the rule is broken when `row[field] > row[limit]`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class UnusualRule:
    """A combination of two fields that causes a warning."""

    field: int
    """Column of the field that the warning is about."""
    exceeds: int
    """Column that it rarely exceeds: the rule applies when `row[field] > row[exceeds]`."""
    warning: prediction_service_pb2.Warning
    """The warning to return."""


def _order_rule(expression: str) -> OrderRule:
    """Parse the only form of two-field rules in the contract, so that it can be applied to rows."""
    form = re.fullmatch(r"!\(has\(this\.(\w+)\) && has\(this\.(\w+)\) && this\.\1 > this\.\2\)", expression)
    if form is None:
        raise ValueError(f"a rule of BlockGroup has a form that is not supported for rows: {expression}")
    return OrderRule(field=COLUMNS[form[1]], limit=COLUMNS[form[2]])


ORDER_RULES: tuple[OrderRule, ...] = tuple(
    _order_rule(rule.expression) for rule in _OPTIONS.Extensions[validate_pb2.message].cel
)
"""The rules about two fields."""


def _unusual_rule(rule: annotations_pb2.UnusualRule) -> UnusualRule:
    return UnusualRule(
        field=COLUMNS[rule.field],
        exceeds=COLUMNS[rule.exceeds],
        warning=prediction_service_pb2.Warning(reason=rule.reason, field=rule.field, message=rule.message),
    )


UNUSUAL_RULES: tuple[UnusualRule, ...] = tuple(
    _unusual_rule(rule) for rule in _OPTIONS.Extensions[annotations_pb2.unusual]
)
"""The combinations that cause a warning."""


def _batch_sizes() -> range:
    field = prediction_service_pb2.BatchPredictRequest.DESCRIPTOR.fields_by_name["block_groups"]
    rules = field.GetOptions().Extensions[validate_pb2.field].repeated
    return range(rules.min_items, rules.max_items + 1)


BATCH_SIZES: range = _batch_sizes()
"""The allowed sizes of a batch."""
