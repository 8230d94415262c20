"""An index by model version: the predictions of one version, or of none, are found without reading the others."""

from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Create the index."""
    op.create_index("predictions_by_version", "predictions", ["model_version", "predicted_at_us", "prediction_id"])


def downgrade() -> None:
    """Drop the index."""
    op.drop_index("predictions_by_version", "predictions")
