"""Connections to the store: the supported databases, and their setup."""

import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Connection, Engine, create_engine, event, make_url
from sqlalchemy.exc import ArgumentError, DataError, DBAPIError, IntegrityError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from housing_server.errors import InvalidSettings, PredictionLogUnavailable, QueryTooSlow
from housing_server.prediction_log.sqlite_files import follow_file

_LOCK_SECONDS = 30
"""How long a transaction waits for the locks of other processes; each holds one for milliseconds."""

_CONNECT_SECONDS = 5

READ_SECONDS = 20.0
"""Time limit of a query; a slower one is cancelled, so that no filter occupies a thread and a connection for long."""

_OPERATIONS_PER_CHECK = 100_000
"""SQLite's virtual machine checks the time after this many instructions: about a millisecond."""

_UNREACHABLE_MS = 20_000
"""How long PostgreSQL may leave sent data unacknowledged: a machine that has failed closes no connection."""

_SQLITE_PRAGMAS = (
    "journal_mode=WAL",  # readers and the writer do not wait for each other
    "synchronous=NORMAL",  # a commit survives a crash of the process; after a power failure the last may be missing
    "foreign_keys=ON",
)

_WRITES = "housing_writes"


def open_engine(url: str) -> Engine:
    """Create the engine of a store; nothing is connected yet.

    Raises:
        InvalidSettings: the URL is malformed, or its database is not supported.
    """
    parsed = _parse(url)
    return _sqlite_engine(parsed) if parsed.get_backend_name() == "sqlite" else _postgresql_engine(parsed)


@contextmanager
def reading(
    engine: Engine, *, seconds: float = READ_SECONDS, clock: Callable[[], float] = time.monotonic
) -> Iterator[Connection]:
    """Read from the store.

    Args:
        engine: the store's connections.
        seconds: the time limit.
        clock: returns seconds.

    Raises:
        PredictionLogUnavailable: the store is not available.
        QueryTooSlow: reading exceeded the time limit.
    """
    with _store_errors(engine), engine.connect() as connection, _time_limit(connection, seconds, clock):
        yield connection


@contextmanager
def writing(engine: Engine) -> Iterator[Connection]:
    """Write in one transaction, committed at the end of the block.

    Raises:
        PredictionLogUnavailable: the store is not available; nothing is written.
    """
    with _store_errors(engine), engine.execution_options(**{_WRITES: True}).begin() as connection:
        yield connection


@contextmanager
def _time_limit(connection: Connection, seconds: float, clock: Callable[[], float]) -> Iterator[None]:
    """Cancel queries within the block after the time limit."""
    if connection.dialect.name == "postgresql":
        connection.exec_driver_sql(f"SET LOCAL statement_timeout = {round(seconds * 1000)}")
        with _cancelled_as_too_slow(seconds):
            yield
        return
    raw: Any = connection.connection.driver_connection
    deadline = clock() + seconds
    raw.set_progress_handler(lambda: clock() > deadline, _OPERATIONS_PER_CHECK)
    try:
        with _cancelled_as_too_slow(seconds):
            yield
    finally:
        raw.set_progress_handler(None, 0)


@contextmanager
def _cancelled_as_too_slow(seconds: float) -> Iterator[None]:
    try:
        yield
    except OperationalError as error:
        if _was_cancelled(error.orig):
            raise QueryTooSlow(seconds) from error
        raise


def _was_cancelled(error: object) -> bool:
    """Return whether a driver's error means that a statement was cancelled."""
    return getattr(error, "sqlstate", "") == "57014" or getattr(error, "sqlite_errorname", "") == "SQLITE_INTERRUPT"


@contextmanager
def _store_errors(engine: Engine) -> Iterator[None]:
    try:
        yield
    except (DataError, IntegrityError):
        raise  # the data is at fault, not the store
    except PoolTimeout as error:
        raise PredictionLogUnavailable(f"{_place(engine)}: all connections are busy") from error
    except DBAPIError as error:
        reason = str(error.orig).partition("\n")[0]
        raise PredictionLogUnavailable(f"{_place(engine)}: {reason}") from error


def _place(engine: Engine) -> str:
    """Name a store without what it takes to get in: credentials can also be in the query of a URL."""
    return engine.url.set(username=None, password=None, query={}).render_as_string()


def _parse(url: str) -> URL:
    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError):
        raise InvalidSettings("HOUSING_PREDICTION_LOG: not the URL of a database") from None
    if parsed.drivername in ("postgresql", "postgres"):
        parsed = parsed.set(drivername="postgresql+psycopg")
    if parsed.drivername not in ("sqlite", "sqlite+pysqlite", "postgresql+psycopg"):
        raise InvalidSettings(
            f"HOUSING_PREDICTION_LOG: {parsed.drivername} is not supported; "
            "use sqlite:///PATH or postgresql://USER:PASSWORD@HOST/DATABASE"
        )
    if parsed.get_backend_name() == "sqlite" and parsed.database in (None, "", ":memory:"):
        raise InvalidSettings("HOUSING_PREDICTION_LOG: SQLite needs the path of a file: sqlite:///PATH")
    return parsed


def _bind_at_once() -> None:
    """Let Python's module bind booleans and NULL without searching for adapters, which takes longer than an insertion.

    It binds numbers and text at once, and calls the adapters registered for any other type.
    """
    sqlite3.register_adapter(bool, int)
    nothing: dict[None, None] = {}
    sqlite3.register_adapter(type(None), nothing.get)  # returns None, faster than any function in Python


def _sqlite_engine(url: URL) -> Engine:
    _bind_at_once()
    engine = create_engine(url, connect_args={"timeout": _LOCK_SECONDS}, hide_parameters=True)
    event.listen(engine, "connect", _set_up_sqlite)
    event.listen(engine, "begin", _begin_sqlite)
    follow_file(engine, Path(str(url.database)))
    return engine


def _postgresql_engine(url: URL) -> Engine:
    # A connection that a restart of the database has cut is replaced before it is used.
    arguments = {"connect_timeout": _CONNECT_SECONDS, "tcp_user_timeout": _UNREACHABLE_MS}
    return create_engine(url, pool_pre_ping=True, connect_args=arguments, hide_parameters=True)


def _set_up_sqlite(connection: Any, _record: object) -> None:
    connection.isolation_level = None  # otherwise Python's module begins transactions of its own
    for pragma in _SQLITE_PRAGMAS:
        connection.execute(f"PRAGMA {pragma}")


def _begin_sqlite(connection: Connection) -> None:
    """Begin a transaction; a writing one takes the write lock at once, since upgrading a read lock later may fail."""
    writes = connection.get_execution_options().get(_WRITES)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")
