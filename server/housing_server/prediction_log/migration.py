"""Brings a store's tables up to date."""

from sqlalchemy import Connection, Engine, func, select

from housing_server.prediction_log.engine import writing

_LOCK = 0x686F7573
"""The key of PostgreSQL's advisory lock: any number that nobody else uses."""


def migrate(engine: Engine) -> None:
    """Bring the tables up to date; processes that start together do it one after the other.

    Raises:
        PredictionLogUnavailable: the store does not answer.
    """
    with writing(engine) as connection:  # which holds SQLite's only write lock
        if engine.dialect.name == "postgresql":
            connection.execute(select(func.pg_advisory_xact_lock(_LOCK)))
        _upgrade(connection)


def _upgrade(connection: Connection) -> None:
    from alembic import command  # noqa: PLC0415 - only the process that migrates should carry it
    from alembic.config import Config  # noqa: PLC0415

    config = Config(attributes={"connection": connection})
    config.set_main_option("script_location", f"{__package__}:migrations")
    command.upgrade(config, "head")
