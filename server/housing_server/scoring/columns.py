"""Columns of a table as rows of the model: text is parsed, and every rule of the contract checked, column by column."""

from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from housing.cells import MISSING_MARKS, NUMBER
from housing.features import FEATURES, Feature
from housing.rules import ORDER_RULES
from housing_server.core.rows import BROKEN, CheckedRows, check_rows

_FAULTS: tuple[str, ...] = (
    *(f"{FEATURES[rule.field].name}: exceeds {FEATURES[rule.limit].name}" for rule in ORDER_RULES),
    *(f"{feature.name}: {fault}" for feature in FEATURES for fault in ("is missing", "is not an allowed value")),
)
"""What each column of `CheckedRows.faults` means."""


def read_columns(table: pa.Table) -> CheckedRows:
    """Return the block groups of a table, whose columns are numbers or text; other columns are ignored."""
    rows = np.full((len(table), len(FEATURES)), np.nan)
    absent = np.ones((len(table), len(FEATURES)), dtype=np.bool_)
    for column, feature in enumerate(FEATURES):
        if feature.name in table.column_names:
            values, missing = _read(table.column(feature.name), feature)
            rows[:, column], absent[:, column] = values, missing
    return check_rows(rows, absent)


def describe_faults(checked: CheckedRows) -> list[str | None]:
    """Describe what is wrong with each row; None for rows that keep every rule."""
    found: list[str | None] = [None] * len(checked.good)
    which = np.flatnonzero(~checked.good)
    if len(which):
        patterns, kinds = np.unique(checked.faults(which), axis=0, return_inverse=True)
        texts = ["; ".join(_FAULTS[fault] for fault in np.flatnonzero(pattern)) for pattern in patterns]
        for index, kind in zip(which.tolist(), kinds.reshape(-1).tolist(), strict=True):
            found[index] = texts[kind]
    return found


def _read(column: pa.ChunkedArray, feature: Feature) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Return a column's values, NaN where they are missing, and which are."""
    if pa.types.is_dictionary(column.type):
        column = column.cast(column.type.value_type)
    if pa.types.is_string(column.type) or pa.types.is_large_string(column.type):
        column = pc.utf8_trim_whitespace(column)
        column = pc.if_else(_among(column, MISSING_MARKS), None, column)
        return _codes(column, feature.choices) if feature.choices else _numbers(column)
    if feature.choices:
        return _values(pa.array(np.full(len(column), BROKEN)), column)
    return _values(column.cast(pa.float64(), safe=False), column)


def _numbers(column: pa.ChunkedArray) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Parse numbers; text that is none is out of every range."""
    plain = pc.match_substring_regex(column, f"^(?:{NUMBER})$")
    unsigned = pc.replace_substring_regex(column, r"^\+", "")  # which Arrow does not read
    parsed = pc.cast(pc.if_else(plain, unsigned, str(BROKEN)), pa.float64())
    return _values(parsed, column)


def _codes(column: pa.ChunkedArray, choices: Sequence[str]) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    found = pc.index_in(column, pa.array(choices, column.type))
    return _values(pc.fill_null(found.cast(pa.float64()), BROKEN), column)


def _values(numbers: pa.ChunkedArray, column: pa.ChunkedArray) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    values = pc.fill_null(numbers, np.nan).to_numpy(zero_copy_only=False).astype(np.float64)
    missing = column.is_null().to_numpy() | np.isnan(values)
    return np.where(missing, np.nan, values), missing


def _among(column: pa.ChunkedArray, marks: frozenset[str]) -> pa.ChunkedArray:
    return pc.is_in(pc.utf8_lower(column), pa.array(sorted(marks), column.type))
