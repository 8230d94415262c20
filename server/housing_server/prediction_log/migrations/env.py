"""What Alembic runs: the migrations, in the transaction that the caller has begun."""

from alembic import context

from housing_server.prediction_log.tables import METADATA

context.configure(connection=context.config.attributes["connection"], target_metadata=METADATA)
context.run_migrations()
