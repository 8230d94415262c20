"""The contract's rules compiled for speed on valid requests: rows are read and checked in one pass.

protovalidate remains the reference: a test holds both to the same verdict and the same faults on every row.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from operator import attrgetter

import numpy as np
from numpy.typing import NDArray

from housing.features import FEATURES
from housing.rules import ORDER_RULES
from housing.v1.block_group_pb2 import BlockGroup
from housing_server.core.model import Rows
from housing_server.core.packed_rows import PackedBatch

BROKEN = math.inf
"""Stands for a string that is not one of the field's choices, or no number: it is out of every range."""

_LOWEST = np.array([0.0 if feature.minimum is None else feature.minimum for feature in FEATURES])
_HIGHEST = np.array([len(feature.choices) - 1 if feature.maximum is None else feature.maximum for feature in FEATURES])
_OPTIONAL = np.array([not feature.required for feature in FEATURES])
_CODES = [{choice: float(code) for code, choice in enumerate(feature.choices)} for feature in FEATURES]
_BOUNDS = list(zip(_CODES, _LOWEST.tolist(), _HIGHEST.tolist(), strict=True))
_REQUIRED_COUNT = sum(feature.required for feature in FEATURES)
_IS_REQUIRED = [feature.required for feature in FEATURES]
_TEXTS = np.array([bool(feature.choices) for feature in FEATURES])
_NOTHING = [math.nan] * len(FEATURES)


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckedRows:
    """Many block groups as rows."""

    rows: Rows
    """float64, shape (n, 9), columns in `FEATURES` order; values that break a rule are unchanged."""
    absent: NDArray[np.bool_]
    """Which fields are missing, shape (n, 9)."""
    good: NDArray[np.bool_]
    """Which rows keep every rule, shape (n,)."""

    def faults(self, which: NDArray[np.intp]) -> NDArray[np.bool_]:
        """Return the faults of some rows.

        Args:
            which: their indexes, shape (m,).

        Returns:
            Shape (m, number of faults): a column for each of `ORDER_RULES`, then two for each of `FEATURES`: missing,
            and out of range.
        """
        rows, absent = self.rows[which], self.absent[which]
        disordered = [rows[:, rule.field] > rows[:, rule.limit] for rule in ORDER_RULES]
        missing = absent & ~_OPTIONAL
        out_of_range = ~absent & ~((rows >= _LOWEST) & (rows <= _HIGHEST))
        of_fields = np.stack([missing, out_of_range], axis=2).reshape(len(which), 2 * len(FEATURES))
        return np.column_stack([*disordered, of_fields])


def path_of(index: int) -> str:
    """Return the path of a block group in a batch."""
    return f"block_groups[{index}]"


def read_row(block_group: BlockGroup) -> list[float] | None:
    """Convert a block group to a row; None when it breaks a rule."""
    row = _NOTHING.copy()
    missing = _REQUIRED_COUNT
    for field, value in block_group.ListFields():
        column = field.index
        codes, low, high = _BOUNDS[column]
        number = codes.get(value, BROKEN) if codes else value
        if not low <= number <= high:
            return None
        row[column] = number
        missing -= _IS_REQUIRED[column]
    if missing or any(row[rule.field] > row[rule.limit] for rule in ORDER_RULES):
        return None
    return row


def read_packed(batch: PackedBatch) -> CheckedRows:
    """Convert the block groups of an encoded batch to rows.

    Raises:
        DecodeError: one of them is malformed.
    """
    rows, complete = batch.rows()
    absent, others = np.isnan(rows) & _TEXTS, np.flatnonzero(~complete)
    if others.size:
        read = read_rows(batch.messages(others.tolist()))
        rows[others], absent[others] = read.rows, read.absent
    return check_rows(rows, absent)


def read_rows(block_groups: Sequence[BlockGroup]) -> CheckedRows:
    """Convert many block groups to rows, column by column."""
    messages = list(block_groups)  # each access to the repeated field would wrap its items anew
    absent = np.zeros((len(messages), len(FEATURES)), dtype=np.bool_)
    return check_rows(
        np.column_stack([_read_column(messages, column, absent) for column in range(len(FEATURES))]), absent
    )


def check_rows(rows: Rows, absent: NDArray[np.bool_]) -> CheckedRows:
    """Check rows against the contract's rules.

    Args:
        rows: float64, shape (n, 9), NaN where a value is missing, and `BROKEN` for text that is not allowed.
        absent: which values are missing, shape (n, 9).
    """
    in_range = (rows >= _LOWEST) & (rows <= _HIGHEST)
    good = (in_range | (absent & _OPTIONAL)).all(axis=1)
    for rule in ORDER_RULES:
        good &= ~(rows[:, rule.field] > rows[:, rule.limit])
    return CheckedRows(rows=rows, absent=absent, good=good)


def _read_column(messages: list[BlockGroup], column: int, absent: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Read one field of all messages, NaN where it is missing; mark missing values in `absent`."""
    name = FEATURES[column].name
    codes = _CODES[column]
    given = map(attrgetter(name), messages)
    if codes:
        values = np.fromiter((codes.get(text, BROKEN) for text in given), np.float64, len(messages))
        maybe_absent = values == BROKEN
    else:
        values = np.fromiter(given, np.float64, len(messages))
        maybe_absent = values == 0.0
    # A missing field reads as zero or as an empty string: only such values need a closer look.
    for index in np.flatnonzero(maybe_absent).tolist():
        if not messages[index].HasField(name):  # type: ignore[arg-type]  # any field, by name
            values[index] = math.nan
            absent[index, column] = True
    return values
