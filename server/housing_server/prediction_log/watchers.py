"""What the watchers of retrainings report: that they live, and how many rows wait."""

from collections.abc import Callable
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.dialects import postgresql, sqlite

from housing_server.prediction_log.records import now_us
from housing_server.prediction_log.retraining_tables import retraining_watchers
from housing_server.prediction_log.store import PredictionStore

_DAY_US = 24 * 3600 * 1_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Watcher:
    """A watcher's last report."""

    row_table: str
    """The table of rows that it adds to."""
    process: str
    """The process."""
    seen_at_us: int
    """When it reported, in microseconds since the epoch."""
    pending_rows: int
    """Rows that no retraining has tried."""
    problem: str
    """What keeps it from working; empty without a problem."""


class Watchers:
    """The reports in a store. Every method raises PredictionLogUnavailable when the store does not respond."""

    def __init__(self, store: PredictionStore, *, now: Callable[[], int] = now_us) -> None:
        self._store, self._now = store, now

    def report(self, row_table: str, *, process: str, pending_rows: int, problem: str = "") -> None:
        """Record a report in the place of the last one for this table of rows."""
        values = {"process": process, "seen_at_us": self._now(), "pending_rows": pending_rows, "problem": problem}
        with self._store.writing() as connection:
            insert = (postgresql if connection.dialect.name == "postgresql" else sqlite).insert
            added = insert(retraining_watchers).values(row_table=row_table, **values)
            connection.execute(added.on_conflict_do_update(index_elements=["row_table"], set_=values))

    def seen(self) -> list[Watcher]:
        """Return the reports of the last day, by process."""
        lately = retraining_watchers.c.seen_at_us >= self._now() - _DAY_US
        with self._store.reading() as connection:
            order = retraining_watchers.c.process
            rows = connection.execute(select(retraining_watchers).where(lately).order_by(order)).mappings().all()
        return [Watcher(**row) for row in rows]
