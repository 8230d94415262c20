"""The tables of retrainings, beside those of the predictions that led to them.

They share the log's database, so that all machines which serve, watch or train see the same retrainings, and its
conventions: times are whole microseconds since the epoch, ids are UUIDs of version 7. Evidence is JSON, since each kind
of trigger and each gate has figures of its own.
"""

from sqlalchemy import BigInteger, Boolean, Column, Double, ForeignKey, Index, Integer, Table, Text

from housing_server.prediction_log.tables import ID, METADATA, predictions

retrainings = Table(
    "retrainings",
    METADATA,
    Column("retraining_id", ID, primary_key=True),
    Column("requested_at_us", BigInteger, nullable=False),
    Column("started_at_us", BigInteger),
    Column("finished_at_us", BigInteger),
    Column("trigger_kind", Text, nullable=False),
    Column("trigger_figures", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("requested_by", Text, nullable=False),
    Column("stage", Text, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("verdict", Text),
    Column("verdict_reason", Text),
    Column("data_sha256", Text),
    Column("data_rows", Integer),
    Column("new_rows", Integer),
    Column("run_id", Text),
    Column("model_version", Text),
    Column("champion_version", Text),
    Column("evidence", Text, nullable=False),
    Index("retrainings_by_time", "requested_at_us", "retraining_id"),
    sqlite_with_rowid=False,
)
"""One row for each retraining, from its request on. `evidence` and `trigger_figures` are JSON objects."""

retraining_lease = Table(
    "retraining_lease",
    METADATA,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("holder", Text, nullable=False),
    Column("expires_at_us", BigInteger, nullable=False),
)
"""Row 1: which process may retrain, and until when; row 2: which may change the champion. An empty holder is nobody."""

retraining_watchers = Table(
    "retraining_watchers",
    METADATA,
    Column("row_table", Text, primary_key=True),
    Column("process", Text, nullable=False),
    Column("seen_at_us", BigInteger, nullable=False),
    Column("pending_rows", Integer, nullable=False),
    Column("problem", Text, nullable=False),
)
"""One row for each table of rows that a watcher adds to: the process, and what it reported last."""

model_changes = Table(
    "model_changes",
    METADATA,
    Column("change_id", ID, primary_key=True),
    Column("changed_at_us", BigInteger, nullable=False),
    Column("model_name", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("from_version", Text),
    Column("to_version", Text, nullable=False),
    Column("changed_by", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("retraining_id", ID),
    Column("failure", Text),
    Column("from_share", Double),
    Column("to_share", Double),
    Index("model_changes_by_time", "model_name", "changed_at_us", "change_id"),
    sqlite_with_rowid=False,
)
"""One row for each change of the champion or of the canary: who or what made it, from which version to which, and why.
The shares are those of canaries; `to_version` is empty where a canary ended. `failure` is why the change could not
be made after it had gone on record; NULL where it was made."""

shadow_predictions = Table(
    "shadow_predictions",
    METADATA,
    Column("prediction_id", ID, ForeignKey(predictions.c.prediction_id, ondelete="CASCADE"), primary_key=True),
    Column("model_name", Text, primary_key=True),
    Column("model_version", Text, primary_key=True),
    Column("retraining_id", ID, nullable=False),
    Column("predicted_at_us", BigInteger, nullable=False),
    Column("scored_at_us", BigInteger, nullable=False),
    Column("median_house_value", Double, nullable=False),
    Column("interval_lower", Double),
    Column("interval_upper", Double),
    Column("interval_upper_open", Boolean),
    Column("warnings", Text, nullable=False),
    Index("shadow_predictions_by_version", "model_name", "model_version", "predicted_at_us", "prediction_id"),
    sqlite_with_rowid=False,
)
"""One row for each answer of a challenger to a request that the champion has answered; it goes with that prediction."""
