"""Predictions on record as arrays, page by page: what models are asked again."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import RowMapping, Select, select, tuple_

from housing.features import FEATURES
from housing_server.prediction_log.store import PredictionStore
from housing_server.prediction_log.tables import Position, order_columns, outcomes, position_value, predictions

PAGE_ROWS = 2_000
"""Predictions read at once: a megabyte."""

Floats = NDArray[np.float64]

_CODES = {
    feature.name: {choice: float(code) for code, choice in enumerate(feature.choices)}
    for feature in FEATURES
    if feature.choices
}


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelAnswers:
    """What a model answers to n requests."""

    prices: Floats
    """USD, shape (n,)."""
    bounds: Floats
    """Lower and upper bounds of its intervals in USD, shape (n, 2); NaN where it has none."""
    upper_open: NDArray[np.bool_]
    """Whether the upper bound has reached the cap of the census, shape (n,)."""
    warnings: tuple[str, ...]
    """The reasons of its warnings for each request, separated by spaces; length n."""

    @classmethod
    def of(cls, rows: Sequence[Mapping[Any, Any]], prefix: str = "") -> Self:
        """Read answers from rows of a table whose columns may have a prefix."""

        def column(name: str) -> Floats:
            return np.array([row[f"{prefix}{name}"] for row in rows], dtype=np.float64)  # None becomes NaN

        return cls(
            prices=column("median_house_value"),
            bounds=np.column_stack([column("interval_lower"), column("interval_upper")]),
            upper_open=np.array([bool(row[f"{prefix}interval_upper_open"]) for row in rows], dtype=np.bool_),
            warnings=tuple(row[f"{prefix}warnings"] for row in rows),
        )

    def __len__(self) -> int:
        return len(self.prices)


@dataclass(frozen=True, slots=True, kw_only=True)
class LoggedRequests:
    """n predictions on record."""

    ids: tuple[str, ...]
    """Their ids."""
    predicted_at_us: NDArray[np.int64]
    """When they were made, in microseconds since the epoch, shape (n,)."""
    model_versions: tuple[str, ...]
    """The versions that made them."""
    rows: Floats
    """What was asked, shape (n, 9), as models are asked."""
    answers: ModelAnswers
    """What was answered."""
    true_prices: Floats
    """Their true prices in USD, shape (n,); NaN where none is on record."""

    @classmethod
    def of(cls, rows: Sequence[Mapping[Any, Any]]) -> Self:
        """Read rows of `columns()`."""
        return cls(
            ids=tuple(row["prediction_id"] for row in rows),
            predicted_at_us=np.array([row["predicted_at_us"] for row in rows], dtype=np.int64),
            model_versions=tuple(row["model_version"] for row in rows),
            rows=np.array([_model_row(row) for row in rows], dtype=np.float64).reshape(len(rows), len(FEATURES)),
            answers=ModelAnswers.of(rows),
            true_prices=np.array([row["true_value"] for row in rows], dtype=np.float64),
        )

    def __len__(self) -> int:
        return len(self.ids)


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """Which predictions to read."""

    model_name: str
    """Of this model."""
    model_version: str = ""
    """Of this version; empty for any."""
    since_us: int = 0
    """Made at this time or later, in microseconds since the epoch."""
    until_us: int | None = None
    """Made before this time; None for no end."""
    limit: int | None = None
    """The most predictions, the newest of them; None for all."""


def columns() -> Select[Any]:
    """Select what `LoggedRequests.of` reads."""
    joined = outcomes.c.prediction_id == predictions.c.prediction_id
    true_value = outcomes.c.median_house_value.label("true_value")
    return select(predictions, true_value).outerjoin_from(predictions, outcomes, joined)


def pages(store: PredictionStore, wanted: Wanted, *, page_rows: int = PAGE_ROWS) -> Iterator[LoggedRequests]:
    """Yield predictions, the newest first, in pages that are each read by a query of its own.

    Raises:
        PredictionLogUnavailable: the store is not available.
    """
    left, before = wanted.limit, None
    while left is None or left > 0:
        size = page_rows if left is None else min(page_rows, left)
        rows = _page(store, wanted, before, size)
        if rows:
            yield LoggedRequests.of(rows)
        if len(rows) < size:
            return
        before = Position(rows[-1]["predicted_at_us"], rows[-1]["prediction_id"])
        left = None if left is None else left - len(rows)


def _page(store: PredictionStore, wanted: Wanted, before: Position | None, size: int) -> Sequence[RowMapping]:
    of, order = predictions.c, order_columns(predictions)
    conditions = [of.predicted_at_us >= wanted.since_us, of.model_name == wanted.model_name]
    if wanted.until_us is not None:
        conditions.append(of.predicted_at_us < wanted.until_us)
    if wanted.model_version:
        conditions.append(of.model_version == wanted.model_version)
    if before is not None:
        conditions.append(tuple_(*order) < position_value(before))
    statement = columns().where(*conditions).order_by(*(column.desc() for column in order)).limit(size)
    with store.reading() as connection:
        return connection.execute(statement).mappings().all()


def _model_row(row: Mapping[Any, Any]) -> list[float]:
    return [_value(feature.name, row[feature.name]) for feature in FEATURES]


def _value(name: str, value: float | str | None) -> float:
    if value is None:
        return np.nan
    return _CODES[name][value] if isinstance(value, str) else value
