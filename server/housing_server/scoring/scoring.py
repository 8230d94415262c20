"""Prices for a chunk of a table, on several threads."""

from __future__ import annotations

from concurrent.futures import Executor
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from housing_server.core.isolation import Estimated, estimate_each
from housing_server.core.model import PriceModel
from housing_server.scoring.columns import describe_faults, read_columns

RESULT_FIELDS = pa.schema(
    [
        ("predicted_median_house_value", pa.float64()),
        ("interval_lower", pa.float64()),
        ("interval_upper", pa.float64()),
        ("interval_upper_open", pa.bool_()),
        ("model_name", pa.string()),
        ("model_version", pa.string()),
        ("error", pa.string()),
    ]
)
"""The columns that are added to each row, named as `housing predict` names them."""

_ROWS_FOR_A_THREAD = 8_192


class BadRows(StrEnum):
    """What becomes of rows that break a rule, or that the model fails on."""

    KEEP = "keep"
    DROP = "drop"
    FAIL = "fail"


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoredChunk:
    """A chunk with its results."""

    table: pa.Table
    """Its columns and `RESULT_FIELDS`; without its bad rows if these are to be dropped."""
    rows: int
    """How many rows were read."""
    bad: int
    """How many of them have no price."""
    first: int
    """Index in the chunk of the first of these; -1 if none is bad."""
    example: str
    """What is wrong with it."""


class Scorer:
    """A model that scores tables."""

    def __init__(self, model: PriceModel, threads: Executor, bad_rows: BadRows) -> None:
        self._model = model
        self._threads = threads
        self._bad_rows = bad_rows

    def score(self, table: pa.Table) -> ScoredChunk:
        """Return a table with prices: of every good row, whatever the others are."""
        checked = read_columns(table)
        found = _Found.empty(describe_faults(checked))
        which = np.flatnonzero(checked.good)
        parts = np.array_split(which, max(1, -(-len(which) // _ROWS_FOR_A_THREAD)))
        calls = [
            (part, self._threads.submit(estimate_each, self._model, checked.rows[part])) for part in parts if len(part)
        ]
        for part, call in calls:
            found.fill(part, call.result())
        bad = [index for index, error in enumerate(found.errors) if error is not None]
        scored = self._with_results(table, found)
        if bad and self._bad_rows is BadRows.DROP:
            scored = scored.filter(pa.array([error is None for error in found.errors]))
        example = found.errors[bad[0]] or "" if bad else ""
        return ScoredChunk(table=scored, rows=len(table), bad=len(bad), first=bad[0] if bad else -1, example=example)

    def _with_results(self, table: pa.Table, found: _Found) -> pa.Table:
        description = self._model.description
        columns = [
            pa.array(found.prices, from_pandas=True),  # NaN is no price
            pa.array(found.bounds[:, 0], from_pandas=True),
            pa.array(found.bounds[:, 1], from_pandas=True),
            pa.array(found.is_open, mask=np.isnan(found.bounds[:, 0])),
            pa.repeat(description.name, len(table)),
            pa.repeat(description.version, len(table)),
            pa.array(found.errors, pa.string()),
        ]
        for field, column in zip(RESULT_FIELDS, columns, strict=True):
            table = table.append_column(field, column)
        return table


@dataclass(frozen=True, slots=True, kw_only=True)
class _Found:
    """Results of a chunk of n rows."""

    prices: NDArray[np.float64]
    """Shape (n,); NaN for bad rows."""
    bounds: NDArray[np.float64]
    """Lower and upper bounds, shape (n, 2); NaN without an interval."""
    is_open: NDArray[np.bool_]
    """Whether the upper bound is open, shape (n,)."""
    errors: list[str | None]
    """What is wrong with each row; None for good ones."""

    @classmethod
    def empty(cls, errors: list[str | None]) -> _Found:
        count = len(errors)
        return cls(
            prices=np.full(count, np.nan),
            bounds=np.full((count, 2), np.nan),
            is_open=np.zeros(count, dtype=np.bool_),
            errors=errors,
        )

    def fill(self, which: NDArray[np.intp], estimated: Estimated) -> None:
        """Enter what the model has estimated for some rows."""
        failed = sorted(estimated.failures)
        for index in failed:
            self.errors[which[index]] = f"the model fails on this row: {estimated.failures[index]}"
        if (estimates := estimated.estimates) is None:
            return
        answered = np.delete(which, failed)
        self.prices[answered] = estimates.median_house_value
        if estimates.interval is not None:
            self.bounds[answered] = estimates.interval.bounds
            self.is_open[answered] = estimates.interval.upper_open
