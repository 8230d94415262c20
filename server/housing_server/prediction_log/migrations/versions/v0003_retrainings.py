"""Retrainings, the lease that lets one run at a time, and changes of the champion."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

# pylint: disable=invalid-name  # Alembic's names
revision = "0003"
down_revision = "0002"
# pylint: enable=invalid-name

_ID = sa.String(36).with_variant(postgresql.UUID(as_uuid=False), "postgresql")


def upgrade() -> None:
    """Create the tables."""
    op.create_table(
        "retrainings",
        sa.Column("retraining_id", _ID, primary_key=True),
        sa.Column("requested_at_us", sa.BigInteger, nullable=False),
        sa.Column("started_at_us", sa.BigInteger),
        sa.Column("finished_at_us", sa.BigInteger),
        sa.Column("trigger_kind", sa.Text, nullable=False),
        sa.Column("trigger_figures", sa.Text, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("requested_by", sa.Text, nullable=False),
        sa.Column("stage", sa.Text, nullable=False),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("verdict", sa.Text),
        sa.Column("verdict_reason", sa.Text),
        sa.Column("data_sha256", sa.Text),
        sa.Column("data_rows", sa.Integer),
        sa.Column("new_rows", sa.Integer),
        sa.Column("run_id", sa.Text),
        sa.Column("model_version", sa.Text),
        sa.Column("champion_version", sa.Text),
        sa.Column("evidence", sa.Text, nullable=False),
        sqlite_with_rowid=False,
    )
    op.create_index("retrainings_by_time", "retrainings", ["requested_at_us", "retraining_id"])
    lease = op.create_table(
        "retraining_lease",
        sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("holder", sa.Text, nullable=False),
        sa.Column("expires_at_us", sa.BigInteger, nullable=False),
    )
    op.bulk_insert(lease, [{"id": 1, "holder": "", "expires_at_us": 0}])
    op.create_table(
        "model_changes",
        sa.Column("change_id", _ID, primary_key=True),
        sa.Column("changed_at_us", sa.BigInteger, nullable=False),
        sa.Column("model_name", sa.Text, nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("from_version", sa.Text),
        sa.Column("to_version", sa.Text, nullable=False),
        sa.Column("changed_by", sa.Text, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("retraining_id", _ID),
        sqlite_with_rowid=False,
    )
    op.create_index("model_changes_by_time", "model_changes", ["model_name", "changed_at_us", "change_id"])


def downgrade() -> None:
    """Drop the tables."""
    op.drop_table("model_changes")
    op.drop_table("retraining_lease")
    op.drop_table("retrainings")
