"""The tables of the prediction log, the same on SQLite and PostgreSQL.

Times are whole microseconds since the epoch: they sort, cut into hours and travel faster than a type that the two
databases spell differently. Ids are UUIDs of version 7, so that rows of about the same time lie beside each other.
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

_ID = String(36).with_variant(postgresql.UUID(as_uuid=False), "postgresql")

METADATA = MetaData()

predictions = Table(
    "predictions",
    METADATA,
    Column("prediction_id", _ID, primary_key=True),
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
    # What is listed, counted and pruned is a range of time, read from its end; the key of the row comes with it.
    Index("predictions_by_time", "predicted_at_us", "prediction_id"),
    Index("predictions_by_version", "model_version", "predicted_at_us", "prediction_id"),
    sqlite_with_rowid=False,  # one tree less to write to: the rows lie in the tree of their ids
)
"""One row for each answer. `warnings` holds reasons with spaces between."""

outcomes = Table(
    "outcomes",
    METADATA,
    Column("prediction_id", _ID, ForeignKey(predictions.c.prediction_id, ondelete="CASCADE"), primary_key=True),
    Column("predicted_at_us", BigInteger, nullable=False),
    Column("median_house_value", Double, nullable=False),
    Column("recorded_at_us", BigInteger, nullable=False),
    Column("revised_at_us", BigInteger),
    # Few predictions get an outcome: those of a range of time are found here, and not by looking at every prediction.
    Index("outcomes_by_time", "predicted_at_us", "prediction_id"),
    sqlite_with_rowid=False,
)
"""The true price of a prediction, and when it became known. `predicted_at_us` is the prediction's."""

log_state = Table(
    "log_state",
    METADATA,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("probed_at_us", BigInteger, nullable=False),
    Column("pruned_through_us", BigInteger, nullable=False),
)
"""One row, of id 1: when a write was last tried, and the time of the newest prediction that was ever pruned."""


class Position(NamedTuple):
    """A prediction's place in the order: by time, and those of one moment by id."""

    predicted_at_us: int
    """When it was answered, in microseconds since the epoch."""
    prediction_id: str
    """Its id."""


def order_columns(table: Table) -> tuple[Column[int], Column[str]]:
    """Return the columns by which a table's rows are ordered."""
    return table.c.predicted_at_us, table.c.prediction_id


def position_value(position: Position) -> Tuple:
    """Return a position as SQL, to compare the columns with; PostgreSQL needs the type of the id spelt out."""
    key = predictions.c.prediction_id
    return tuple_(literal(position.predicted_at_us), literal(position.prediction_id, key.type))
