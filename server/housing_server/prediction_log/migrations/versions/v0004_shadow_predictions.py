"""What challengers answered to requests that others have answered."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

# pylint: disable=invalid-name  # Alembic's names
revision = "0004"
down_revision = "0003"
# pylint: enable=invalid-name

_ID = sa.String(36).with_variant(postgresql.UUID(as_uuid=False), "postgresql")


def upgrade() -> None:
    """Create the table."""
    op.create_table(
        "shadow_predictions",
        sa.Column(
            "prediction_id", _ID, sa.ForeignKey("predictions.prediction_id", ondelete="CASCADE"), primary_key=True
        ),
        sa.Column("model_name", sa.Text, primary_key=True),
        sa.Column("model_version", sa.Text, primary_key=True),
        sa.Column("retraining_id", _ID, nullable=False),
        sa.Column("predicted_at_us", sa.BigInteger, nullable=False),
        sa.Column("scored_at_us", sa.BigInteger, nullable=False),
        sa.Column("median_house_value", sa.Double, nullable=False),
        sa.Column("interval_lower", sa.Double),
        sa.Column("interval_upper", sa.Double),
        sa.Column("interval_upper_open", sa.Boolean),
        sa.Column("warnings", sa.Text, nullable=False),
        sqlite_with_rowid=False,
    )
    op.create_index(
        "shadow_predictions_by_version",
        "shadow_predictions",
        ["model_name", "model_version", "predicted_at_us", "prediction_id"],
    )


def downgrade() -> None:
    """Drop the table."""
    op.drop_table("shadow_predictions")
