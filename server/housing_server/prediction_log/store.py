"""The store of the prediction log: writes predictions, and prunes old ones."""

import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Self

from sqlalchemy import Connection, Engine, Update, delete, func, select, text, tuple_, update

from housing_server.prediction_log.engine import READ_SECONDS, open_engine, reading, writing
from housing_server.prediction_log.insertion import insert_records
from housing_server.prediction_log.migration import migrate
from housing_server.prediction_log.records import Record, now_us
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
"""Rows deleted per transaction: some 10 ms, which a waiting writer does not notice."""

_COUNTING_SECONDS = 600.0

_PAGES = text("SELECT page_count * page_size FROM pragma_page_count(), pragma_page_size()")


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreSize:
    """The size of the store."""

    rows: int
    """Predictions on record."""
    size_bytes: int
    """Space taken by predictions, outcomes and indexes."""


class AnswersMissing(Exception):
    """The store does not hold what was written to it: it was replaced, or restored from an older copy."""


class PredictionStore:
    """Predictions on record, in SQLite or PostgreSQL. One store serves all threads of a process.

    Every method raises PredictionLogUnavailable when the store is not available; nothing is written then.
    """

    def __init__(self, engine: Engine, *, now: Callable[[], int] = now_us) -> None:
        self._engine = engine
        self._now = now

    @classmethod
    def open(cls, url: str, *, bring_up_to_date: bool = True) -> Self:
        """Open the store at a URL.

        Args:
            url: `sqlite:///PATH`, or `postgresql://USER:PASSWORD@HOST/DATABASE`.
            bring_up_to_date: whether to create or migrate the tables.

        Raises:
            InvalidSettings: the URL is malformed, or its database is not supported.
            PredictionLogUnavailable: the store is not available.
        """
        engine = open_engine(url)
        if bring_up_to_date:
            migrate(engine)
        return cls(engine)

    def add(self, records: Sequence[Record], *, after: Position | None = None) -> int:
        """Write predictions in one transaction, and return the number of new ones.

        Args:
            records: the predictions.
            after: the position written last, which must still be there.

        Raises:
            AnswersMissing: it is missing.
            sqlalchemy.exc.DataError, sqlalchemy.exc.IntegrityError: a record has a value that its column does not
                accept.
        """
        if not records:
            return 0
        with self.writing() as connection:
            if after is not None and not _holds(connection, after):
                raise AnswersMissing
            return insert_records(connection, records)

    def holds(self, position: Position) -> bool:
        """Return whether a new connection to the store finds a prediction, or that it was pruned."""
        engine = open_engine(self._engine.url.render_as_string(hide_password=False))
        try:
            with reading(engine) as connection:
                return _holds(connection, position)
        finally:
            engine.dispose()

    def probe(self) -> None:
        """Write to the store, to check that it is writable."""
        with self.writing() as connection:
            connection.execute(update(log_state).values(probed_at_us=self._now()))
            for table in (predictions, outcomes):  # a table that was dropped fails here, and not at a caller's request
                connection.execute(select(table.c.prediction_id).limit(1))

    def size(self) -> StoreSize:
        """Measure the store. Counting takes about a second for ten million rows."""
        with self.reading(seconds=_COUNTING_SECONDS) as connection:
            rows = connection.execute(select(func.count()).select_from(predictions)).scalar_one()
            return StoreSize(rows=rows, size_bytes=_size_bytes(connection))

    def prune(self, *, keep_days: float, keep_rows: int) -> int:
        """Delete the oldest predictions, with their outcomes, and return their number.

        Small transactions with pauses between them keep writers from waiting.

        Args:
            keep_days: age limit in days; 0 for no limit.
            keep_rows: the most predictions to keep; 0 for no limit.
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
        """Read: `with store.reading() as connection`; raises QueryTooSlow after `seconds`."""
        return reading(self._engine, seconds=seconds)

    def writing(self) -> AbstractContextManager[Connection]:
        """Write in one transaction: `with store.writing() as connection`."""
        return writing(self._engine)

    def close(self) -> None:
        """Close all connections."""
        self._engine.dispose()

    def _prune_once(self, count: int, *, before_us: int | None = None) -> int:
        """Delete up to `count` of the oldest predictions, then pause for as long as that took."""
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


def _note_pruned(through_us: int) -> Update:
    earlier = log_state.c.pruned_through_us < through_us  # records drained late may be older than those pruned before
    return update(log_state).where(earlier).values(pruned_through_us=through_us)


def _size_bytes(connection: Connection) -> int:
    if connection.dialect.name == "sqlite":
        return int(connection.execute(_PAGES).scalar_one())
    tables = (func.pg_total_relation_size(table.name) for table in (predictions, outcomes))
    return sum(connection.execute(select(*tables)).one())
