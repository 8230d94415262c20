"""What watchers report, a lease to change the champion, and changes that could not be made."""

import sqlalchemy as sa
from alembic import op

# pylint: disable=invalid-name  # Alembic's names
revision = "0005"
down_revision = "0004"
# pylint: enable=invalid-name


def upgrade() -> None:
    """Create the table, the column, and the second lease."""
    op.create_table(
        "retraining_watchers",
        sa.Column("row_table", sa.Text, primary_key=True),
        sa.Column("process", sa.Text, nullable=False),
        sa.Column("seen_at_us", sa.BigInteger, nullable=False),
        sa.Column("pending_rows", sa.Integer, nullable=False),
        sa.Column("problem", sa.Text, nullable=False),
    )
    op.add_column("model_changes", sa.Column("failure", sa.Text))
    lease = sa.table("retraining_lease", sa.column("id"), sa.column("holder"), sa.column("expires_at_us"))
    op.bulk_insert(lease, [{"id": 2, "holder": "", "expires_at_us": 0}])


def downgrade() -> None:
    """Drop them."""
    op.execute("DELETE FROM retraining_lease WHERE id = 2")
    op.drop_column("model_changes", "failure")
    op.drop_table("retraining_watchers")
