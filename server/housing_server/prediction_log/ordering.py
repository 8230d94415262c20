"""The order of predictions: by time, and those of one moment by id."""

from typing import NamedTuple

from sqlalchemy import Column, Table, Tuple, literal, tuple_

from housing_server.prediction_log.tables import predictions


class Position(NamedTuple):
    """A prediction's place in the order."""

    predicted_at_us: int
    """When it was answered, in microseconds since the epoch."""
    prediction_id: str
    """Its id."""


def columns(table: Table) -> tuple[Column[int], Column[str]]:
    """Name the columns by which a table's rows are ordered."""
    return table.c.predicted_at_us, table.c.prediction_id


def as_value(position: Position) -> Tuple:
    """Word a position such that the columns can be compared with it: PostgreSQL must be told that an id is one."""
    key = predictions.c.prediction_id
    return tuple_(literal(position.predicted_at_us), literal(position.prediction_id, key.type))
