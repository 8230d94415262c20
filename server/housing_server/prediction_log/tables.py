"""The tables of the prediction log, the same on SQLite and PostgreSQL.

Times are whole microseconds since the epoch: they sort, divide into hours and convert faster than the two databases'
own types. Ids are UUIDs of version 7, so that rows of about the same time are adjacent.
"""

from typing import NamedTuple

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Double,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    Tuple,
    literal,
    tuple_,
)
from sqlalchemy.dialects import postgresql

from housing.contract import FEATURES

ID = String(36).with_variant(postgresql.UUID(as_uuid=False), "postgresql")
"""The type of ids."""

METADATA = MetaData()

predictions = Table(
    "predictions",
    METADATA,
    Column("prediction_id", ID, primary_key=True),
    Column("predicted_at_us", BigInteger, nullable=False),
    Column("method", Text, nullable=False),
    Column("model_name", Text, nullable=False),
    Column("model_version", Text, nullable=False),
    *(Column(feature.name, Text if feature.choices else Double) for feature in FEATURES),
    Column("median_house_value", Double, nullable=False),
    Column("interval_lower", Double),
    Column("interval_upper", Double),
    Column("interval_upper_open", Boolean),
    Column("warnings", Text, nullable=False),
    Column("latency_seconds", Double, nullable=False),
    Column("peer", Text, nullable=False),
    Column("request_id", Text),
    Column("trace_id", Text),
    # Listing, counting and pruning read a range of time from its end; the index covers the key of the row as well.
    Index("predictions_by_time", "predicted_at_us", "prediction_id"),
    Index("predictions_by_version", "model_version", "predicted_at_us", "prediction_id"),
    sqlite_with_rowid=False,  # one B-tree less to write: rows are stored in the tree of their ids
)
"""One row per answer. `warnings` holds reasons separated by spaces."""

outcomes = Table(
    "outcomes",
    METADATA,
    Column("prediction_id", ID, ForeignKey(predictions.c.prediction_id, ondelete="CASCADE"), primary_key=True),
    Column("predicted_at_us", BigInteger, nullable=False),
    Column("median_house_value", Double, nullable=False),
    Column("recorded_at_us", BigInteger, nullable=False),
    Column("revised_at_us", BigInteger),
    # Few predictions have an outcome: the index finds those of a range of time without reading every prediction.
    Index("outcomes_by_time", "predicted_at_us", "prediction_id"),
    sqlite_with_rowid=False,
)
"""The true price of a prediction, and when it was recorded. `predicted_at_us` is the prediction's."""

log_state = Table(
    "log_state",
    METADATA,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("probed_at_us", BigInteger, nullable=False),
    Column("pruned_through_us", BigInteger, nullable=False),
)
"""One row, with id 1: the time of the last probe, and that of the newest prediction ever pruned."""


class Position(NamedTuple):
    """A prediction's place in the order: by time, then by id."""

    predicted_at_us: int
    """Time of the prediction, in microseconds since the epoch."""
    prediction_id: str


def order_columns(table: Table) -> tuple[Column[int], Column[str]]:
    """Return the columns that define a table's order."""
    return table.c.predicted_at_us, table.c.prediction_id


def position_value(position: Position) -> Tuple:
    """Return a position as an SQL tuple to compare with; PostgreSQL needs an explicit type for the id."""
    key = predictions.c.prediction_id
    return tuple_(literal(position.predicted_at_us), literal(position.prediction_id, key.type))
