"""The contract's rules in a form that is fast on good requests: they read and check in one go.

protovalidate stays the judge of what is wrong: here a bad block group is only told from a good one, and a test holds
the two to the same verdict on every row.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from operator import attrgetter

import numpy as np
from numpy.typing import NDArray

from housing.contract import FEATURES, ORDER_RULES
from housing.v1.block_group_pb2 import BlockGroup
from housing_server.core.model import Rows

_BROKEN = math.inf
"""Stands in a row for a value that is present and outside every range, such as NaN or an unknown spelling."""

_LOWEST = np.array([0.0 if feature.minimum is None else feature.minimum for feature in FEATURES])
_HIGHEST = np.array([len(feature.choices) - 1 if feature.maximum is None else feature.maximum for feature in FEATURES])
_OPTIONAL = np.array([not feature.required for feature in FEATURES])
_CODES = [{choice: float(code) for code, choice in enumerate(feature.choices)} for feature in FEATURES]
_BOUNDS = list(zip(_CODES, _LOWEST.tolist(), _HIGHEST.tolist(), strict=True))
_REQUIRED_COUNT = sum(feature.required for feature in FEATURES)
_IS_REQUIRED = [feature.required for feature in FEATURES]
_NOTHING = [math.nan] * len(FEATURES)


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckedRows:
    """Many block groups as rows."""

    rows: Rows
    """float64, shape (n, 9), columns in `FEATURES` order; what a bad one holds means nothing."""
    good: NDArray[np.bool_]
    """Which of them keep every rule, shape (n,)."""


def read_row(block_group: BlockGroup) -> list[float] | None:
    """Read a block group into a row; None when it breaks a rule."""
    row = _NOTHING.copy()
    missing = _REQUIRED_COUNT
    for field, value in block_group.ListFields():
        column = field.index
        codes, low, high = _BOUNDS[column]
        number = codes.get(value, _BROKEN) if codes else value
        if not low <= number <= high:
            return None
        row[column] = number
        missing -= _IS_REQUIRED[column]
    if missing or any(row[rule.field] > row[rule.limit] for rule in ORDER_RULES):
        return None
    return row


def read_rows(block_groups: Sequence[BlockGroup]) -> CheckedRows:
    """Read many block groups, column by column."""
    messages = list(block_groups)  # each access to the message's own list would wrap its items anew
    rows = np.column_stack([_read_column(messages, column) for column in range(len(FEATURES))])
    in_range = (rows >= _LOWEST) & (rows <= _HIGHEST)
    good = (in_range | (np.isnan(rows) & _OPTIONAL)).all(axis=1)
    for rule in ORDER_RULES:
        good &= ~(rows[:, rule.field] > rows[:, rule.limit])
    return CheckedRows(rows=rows, good=good)


def _read_column(messages: list[BlockGroup], column: int) -> NDArray[np.float64]:
    """Read one field of all messages: NaN where it is not given, out of range where it is NaN."""
    name = FEATURES[column].name
    codes = _CODES[column]
    given = map(attrgetter(name), messages)
    if codes:
        values = np.fromiter((codes.get(text, _BROKEN) for text in given), np.float64, len(messages))
        absent = values == _BROKEN
    else:
        values = np.fromiter(given, np.float64, len(messages))
        values[np.isnan(values)] = _BROKEN
        absent = values == 0.0
    # A field that is not given reads as zero or as an empty text: only such values need be asked for.
    for index in np.flatnonzero(absent):
        if not messages[index].HasField(name):  # type: ignore[arg-type]  # any field, by name
            values[index] = math.nan
    return values
