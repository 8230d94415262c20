"""The watcher: reads dropped files, checks triggers, and runs retrainings, each in a child process.

Reading files and training load hundreds of megabytes of libraries. In child processes the watcher itself, which runs
for weeks, stays small, and a file or a training that exhausts memory ends only a child.
"""

import time
from collections.abc import Callable, Sequence, Set
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from housing.logs import Log
from housing_retraining.data_versions.row_table import TABLE
from housing_retraining.intake.folders import IncomingFolder
from housing_retraining.rollback.guard import Seen
from housing_retraining.triggers.trigger import RetrainingTrigger, ask
from housing_server.errors import PredictionLogUnavailable, QueryTooSlow
from housing_server.prediction_log.records import now_us
from housing_server.prediction_log.retraining_lease import Lease
from housing_server.prediction_log.retrainings import RetrainingRecords

Guarded = tuple[str, int | None, bool]
"""A change of the champion, the number of the look at it, and whether live errors were worse."""


class Guard(Protocol):
    """Watches promotions."""

    def look(self) -> Seen | None:
        """Return the finding about the last promotion; None if nothing is due."""


class Children(Protocol):
    """Starts children and waits for them."""

    def take(self, files: Sequence[Path]) -> None:
        """Read files."""

    def retrain(self) -> None:
        """Run the waiting retrainings."""

    def guard(self) -> bool:
        """Judge the last promotion, and roll it back if that is due; return whether that was done or not needed."""


@dataclass(slots=True, kw_only=True)
class Watcher:
    """Reads files, checks triggers, and watches promotions at each look."""

    incoming: IncomingFolder
    """Where files are dropped."""
    triggers: Sequence[RetrainingTrigger]
    """The triggers."""
    records: RetrainingRecords
    """Retrainings on record."""
    lease: Lease
    """Held while triggers are checked."""
    children: Children
    """Runs the work in child processes."""
    table: str
    """The table of rows on this machine; retrainings of other tables are left to their watchers."""
    log: Log
    """Logs events."""
    trigger_seconds: float
    """How often triggers are checked without new files."""
    clock: Callable[[], float] = time.monotonic
    """Returns the time, in seconds from any moment."""
    guard: Guard | None = None
    """Watches promotions; None where rollback is off."""
    _asked_at: float | None = None
    _guarded: Guarded | None = None

    def look(self) -> None:
        """Read complete files in, check the triggers that are due, and run waiting retrainings."""
        files = self.incoming.complete()
        if files:
            self.children.take(files)
        if files or self._asked_at is None or self.clock() - self._asked_at >= self.trigger_seconds:
            self._asked_at = self.clock()
            try:
                self._watch_promotion()
                self._ask()
            except (PredictionLogUnavailable, QueryTooSlow) as error:
                reason = getattr(error, "reason", str(error))
                self.log.warning("the store of the prediction log does not answer", reason=reason)

    def _watch_promotion(self) -> None:
        """Start the child that judges the last promotion, once for each finding."""
        seen = self.guard.look() if self.guard is not None else None
        if seen is None:
            return
        this = (seen.change.change_id, seen.look.number if seen.look else None, seen.worse is not None)
        if this != self._guarded and self.children.guard():
            self._guarded = this

    def _ask(self) -> None:
        if not self.lease.acquire():
            return  # another process checks triggers, or retrains
        with self.lease:
            for asked in ask(self.triggers, self.records, now_us):
                self.log.info("retraining requested", retraining_id=asked.retraining_id, reason=asked.reason)
        waiting = [*self.records.begun(), *self.records.waiting()]
        mine = [each for each in waiting if each.trigger_figures.get(TABLE, self.table) == self.table]
        if mine:
            self.children.retrain()
            self._log_ends({each.retraining_id for each in mine})

    def _log_ends(self, ids: Set[str]) -> None:
        for each in self.records.newest(len(ids)):
            if each.retraining_id in ids and each.verdict is not None:
                figures = {"retraining_id": each.retraining_id, "verdict": each.verdict, "reason": each.verdict_reason}
                self.log.info("retraining ended", **figures)
