"""Predictions, their outcomes, and the state of the log."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0001"
down_revision = None

_ID = sa.String(36).with_variant(postgresql.UUID(as_uuid=False), "postgresql")


def upgrade() -> None:
    """Create the tables."""
    op.create_table(
        "predictions",
        sa.Column("prediction_id", _ID, primary_key=True),
        sa.Column("predicted_at_us", sa.BigInteger, nullable=False),
        sa.Column("method", sa.Text, nullable=False),
        sa.Column("model_name", sa.Text, nullable=False),
        sa.Column("model_version", sa.Text, nullable=False),
        sa.Column("longitude", sa.Double),
        sa.Column("latitude", sa.Double),
        sa.Column("housing_median_age", sa.Double),
        sa.Column("total_rooms", sa.Double),
        sa.Column("total_bedrooms", sa.Double),
        sa.Column("population", sa.Double),
        sa.Column("households", sa.Double),
        sa.Column("median_income", sa.Double),
        sa.Column("ocean_proximity", sa.Text),
        sa.Column("median_house_value", sa.Double, nullable=False),
        sa.Column("interval_lower", sa.Double),
        sa.Column("interval_upper", sa.Double),
        sa.Column("interval_upper_open", sa.Boolean),
        sa.Column("warnings", sa.Text, nullable=False),
        sa.Column("latency_seconds", sa.Double, nullable=False),
        sa.Column("peer", sa.Text, nullable=False),
        sa.Column("request_id", sa.Text),
        sa.Column("trace_id", sa.Text),
        sqlite_with_rowid=False,
    )
    op.create_index("predictions_by_time", "predictions", ["predicted_at_us", "prediction_id"])
    op.create_table(
        "outcomes",
        sa.Column(
            "prediction_id", _ID, sa.ForeignKey("predictions.prediction_id", ondelete="CASCADE"), primary_key=True
        ),
        sa.Column("predicted_at_us", sa.BigInteger, nullable=False),
        sa.Column("median_house_value", sa.Double, nullable=False),
        sa.Column("recorded_at_us", sa.BigInteger, nullable=False),
        sa.Column("revised_at_us", sa.BigInteger),
        sqlite_with_rowid=False,
    )
    op.create_index("outcomes_by_time", "outcomes", ["predicted_at_us", "prediction_id"])
    state = op.create_table(
        "log_state",
        sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("probed_at_us", sa.BigInteger, nullable=False),
        sa.Column("pruned_through_us", sa.BigInteger, nullable=False),
    )
    op.bulk_insert(state, [{"id": 1, "probed_at_us": 0, "pruned_through_us": 0}])


def downgrade() -> None:
    """Drop the tables."""
    op.drop_table("log_state")
    op.drop_table("outcomes")
    op.drop_table("predictions")
