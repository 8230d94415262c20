"""The store of the prediction log: what writes to it, and what keeps it in bounds."""

import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Self

from sqlalchemy import Connection, Engine, Update, delete, func, select, text, tuple_, update

from housing_server.prediction_log.engine import READ_SECONDS, open_engine, reading, writing
from housing_server.prediction_log.migration import migrate
from housing_server.prediction_log.records import COLUMNS, Record, now_us
from housing_server.prediction_log.tables import (
    Position,
    log_state,
    order_columns,
    outcomes,
    position_value,
    predictions,
)

_DAY_US = 24 * 3600 * 1_000_000

_PRUNED_AT_ONCE = 1000
"""Rows deleted in one transaction: some 10 ms, which a writer that waits for it does not feel."""

_COUNTING_SECONDS = 600.0

_PAGES = text("SELECT page_count * page_size FROM pragma_page_count(), pragma_page_size()")


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreSize:
    """How much the store holds."""

    rows: int
    """Predictions on record."""
    size_bytes: int
    """Space that they, their outcomes and the indexes take."""


class AnswersMissing(Exception):
    """The store does not hold what was put on record before: it is another one, or an older copy."""


class PredictionStore:
    """Predictions on record, in SQLite or PostgreSQL. One store serves all threads of a process.

    Every method raises PredictionLogUnavailable when the store does not answer; what it was to write is then not
    written.
    """

    def __init__(self, engine: Engine, *, now: Callable[[], int] = now_us) -> None:
        self._engine = engine
        self._now = now
        self._insert = _insert_statement(engine)

    @classmethod
    def open(cls, url: str, *, bring_up_to_date: bool = True) -> Self:
        """Open the store at a URL.

        Args:
            url: `sqlite:///PATH`, or `postgresql://USER:PASSWORD@HOST/DATABASE`.
            bring_up_to_date: whether to create the tables, or change them to what this version of the service needs.

        Raises:
            InvalidSettings: the URL is none, or not of a database that can be the store.
            PredictionLogUnavailable: the store does not answer.
        """
        engine = open_engine(url)
        if bring_up_to_date:
            migrate(engine)
        return cls(engine)

    def add(self, records: Sequence[Record], *, after: Position | None = None) -> int:
        """Put predictions on record, in one transaction, and return how many were not there yet.

        Args:
            records: the predictions.
            after: one that was put on record before, and must still be there.

        Raises:
            AnswersMissing: it is not.
            sqlalchemy.exc.DataError, sqlalchemy.exc.IntegrityError: a record holds what no column takes.
        """
        if not records:
            return 0
        with self.writing() as connection:
            if after is not None and not _holds(connection, after):
                raise AnswersMissing
            # Past SQLAlchemy's handling of each value, which takes longer than the database.
            return connection.exec_driver_sql(self._insert, list(records)).rowcount

    def holds(self, position: Position) -> bool:
        """Return whether a process that opens the store now finds a prediction there, or that it was pruned."""
        engine = open_engine(self._engine.url.render_as_string(hide_password=False))
        try:
            with reading(engine) as connection:
                return _holds(connection, position)
        finally:
            engine.dispose()

    def probe(self) -> None:
        """Write to the store, to see whether that can be done."""
        with self.writing() as connection:
            connection.execute(update(log_state).values(probed_at_us=self._now()))
            for table in (predictions, outcomes):  # one that was dropped fails here, and not with a caller
                connection.execute(select(table.c.prediction_id).limit(1))

    def size(self) -> StoreSize:
        """Measure the store. Counting takes about a second for ten million rows."""
        with self.reading(seconds=_COUNTING_SECONDS) as connection:
            rows = connection.execute(select(func.count()).select_from(predictions)).scalar_one()
            return StoreSize(rows=rows, size_bytes=_size_bytes(connection))

    def prune(self, *, keep_days: float, keep_rows: int) -> int:
        """Forget the oldest predictions, with their outcomes, and return how many.

        It is done in small transactions with pauses between, so that writers need not wait.

        Args:
            keep_days: how old a prediction may get, in days; 0 for any age.
            keep_rows: how many may be kept; 0 for any number.
        """
        pruned = 0
        if keep_days:
            oldest = self._now() - int(keep_days * _DAY_US)
            while count := self._prune_once(_PRUNED_AT_ONCE, before_us=oldest):
                pruned += count
        if keep_rows:
            surplus = self.size().rows - keep_rows
            while surplus > 0 and (count := self._prune_once(min(surplus, _PRUNED_AT_ONCE))):
                pruned += count
                surplus -= count
        return pruned

    def reading(self, *, seconds: float = READ_SECONDS) -> AbstractContextManager[Connection]:
        """Read: `with store.reading() as connection`; QueryTooSlow is raised when it takes longer than `seconds`."""
        return reading(self._engine, seconds=seconds)

    def writing(self) -> AbstractContextManager[Connection]:
        """Write in one transaction: `with store.writing() as connection`."""
        return writing(self._engine)

    def close(self) -> None:
        """Close all connections."""
        self._engine.dispose()

    def _prune_once(self, count: int, *, before_us: int | None = None) -> int:
        """Forget the oldest so many, and give others as long for their writing as that took."""
        order = order_columns(predictions)
        oldest = select(*order).order_by(*order).limit(count)
        if before_us is not None:
            oldest = oldest.where(predictions.c.predicted_at_us < before_us)
        started = time.perf_counter()
        with self.writing() as connection:
            found = connection.execute(oldest).all()
            if found:
                last = Position(*found[-1])
                connection.execute(delete(predictions).where(tuple_(*order) <= position_value(last)))
                connection.execute(_note_pruned(last.predicted_at_us))
        time.sleep(time.perf_counter() - started)
        return len(found)


def _holds(connection: Connection, position: Position) -> bool:
    found = select(predictions.c.prediction_id).where(predictions.c.prediction_id == position.prediction_id)
    pruned = select(log_state.c.id).where(log_state.c.pruned_through_us >= position.predicted_at_us)
    return bool(connection.execute(select(found.exists() | pruned.exists())).scalar_one())


def _insert_statement(engine: Engine) -> str:
    """Write the statement that adds records, and passes over those that are there already."""
    placeholder = "%s" if engine.dialect.name == "postgresql" else "?"
    names, values = ", ".join(COLUMNS), ", ".join([placeholder] * len(COLUMNS))
    return f"INSERT INTO {predictions} ({names}) VALUES ({values}) ON CONFLICT DO NOTHING"  # noqa: S608 - our own names


def _note_pruned(through_us: int) -> Update:
    earlier = log_state.c.pruned_through_us < through_us  # what comes late from a journal may be older than what went
    return update(log_state).where(earlier).values(pruned_through_us=through_us)


def _size_bytes(connection: Connection) -> int:
    if connection.dialect.name == "sqlite":
        return int(connection.execute(_PAGES).scalar_one())
    tables = (func.pg_total_relation_size(table.name) for table in (predictions, outcomes))
    return sum(connection.execute(select(*tables)).one())
