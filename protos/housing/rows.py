"""Conversions between messages and rows."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from housing.features import COLUMNS, FEATURE_NAMES, FEATURES
from housing.v1 import block_group_pb2

_CODES = {
    feature.name: {choice: float(code) for code, choice in enumerate(feature.choices)}
    for feature in FEATURES
    if feature.choices
}


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
        if name not in COLUMNS:
            raise ValueError(f"{name}: no such field; the fields are {', '.join(FEATURE_NAMES)}")
        if value is None or (isinstance(value, float) and math.isnan(value)):
            continue
        try:
            setattr(message, name, value if name in _CODES else float(value))
        except (TypeError, ValueError):
            kind = "text" if name in _CODES else "a number"
            raise ValueError(f"{name}: must be {kind}, not {value!r}") from None
    return message
