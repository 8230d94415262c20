"""Migration of a store's tables."""

from sqlalchemy import Connection, Engine, func, insert, select

from housing_server.errors import PredictionLogUnavailable
from housing_server.prediction_log.engine import writing
from housing_server.prediction_log.retraining_tables import retraining_lease
from housing_server.prediction_log.tables import METADATA, log_state

_LOCK = 0x686F7573
"""The key of PostgreSQL's advisory lock: any unique number."""


def migrate(engine: Engine) -> None:
    """Migrate the tables; processes that start together do it one after the other.

    Raises:
        PredictionLogUnavailable: the store is not available, or was migrated by a newer release.
    """
    with writing(engine) as connection:  # which holds SQLite's only write lock
        if engine.dialect.name == "postgresql":
            connection.execute(select(func.pg_advisory_xact_lock(_LOCK)))
        _upgrade(connection)
        _remake(connection)


def _upgrade(connection: Connection) -> None:
    from alembic import command  # noqa: PLC0415 - only the process that migrates should carry it
    from alembic.config import Config  # noqa: PLC0415
    from alembic.runtime.migration import MigrationContext  # noqa: PLC0415
    from alembic.script import ScriptDirectory  # noqa: PLC0415

    config = Config(attributes={"connection": connection})
    config.set_main_option("script_location", f"{__package__}:migrations")
    known = {script.revision for script in ScriptDirectory.from_config(config).walk_revisions()}
    newer = set(MigrationContext.configure(connection).get_current_heads()) - known
    if newer:
        raise PredictionLogUnavailable(
            f"its tables were made by a newer release (schema {', '.join(sorted(newer))}, this one knows up to "
            f"{max(known)}): upgrade the service, or set HOUSING_PREDICTION_LOG to another store"
        )
    command.upgrade(config, "head")


def _remake(connection: Connection) -> None:
    """Create tables that have been dropped since; Alembic only looks at its recorded version."""
    METADATA.create_all(connection)
    if connection.execute(select(log_state.c.id)).first() is None:
        connection.execute(insert(log_state).values(id=1, probed_at_us=0, pruned_through_us=0))
    for key in {1, 2} - set(connection.scalars(select(retraining_lease.c.id))):
        connection.execute(insert(retraining_lease).values(id=key, holder="", expires_at_us=0))
