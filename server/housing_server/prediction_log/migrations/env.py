"""Alembic's entry point: runs the migrations in the caller's transaction."""

from alembic import context

from housing_server.prediction_log.tables import METADATA

context.configure(connection=context.config.attributes["connection"], target_metadata=METADATA)
context.run_migrations()
