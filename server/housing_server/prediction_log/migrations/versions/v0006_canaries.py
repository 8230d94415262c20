"""The shares of canaries, whose changes are on record beside those of the champion."""

import sqlalchemy as sa
from alembic import op

# pylint: disable=invalid-name  # Alembic's names
revision = "0006"
down_revision = "0005"
# pylint: enable=invalid-name


def upgrade() -> None:
    """Add the columns."""
    op.add_column("model_changes", sa.Column("from_share", sa.Double))
    op.add_column("model_changes", sa.Column("to_share", sa.Double))


def downgrade() -> None:
    """Drop them, and the changes that need them."""
    op.execute("DELETE FROM model_changes WHERE kind LIKE 'canary%'")
    op.drop_column("model_changes", "to_share")
    op.drop_column("model_changes", "from_share")
