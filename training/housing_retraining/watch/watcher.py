"""The watcher: takes files in, asks triggers, and has retrainings carried out by processes of their own.

Reading files and training import hundreds of megabytes, so each is a child process: what waits for weeks stays small,
and a file or a training that takes all memory ends a child.
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
"""A change of the champion, the number of a look at it, and whether that has shown that live errors got worse."""


class Guard(Protocol):
    """Watches promotions."""

    def look(self) -> Seen | None:
        """Return what is to be done about the last one, if anything."""


class Children(Protocol):
    """Starts children and waits for them."""

    def take(self, files: Sequence[Path]) -> None:
        """Read files in."""

    def retrain(self) -> None:
        """Carry out what is waiting."""

    def guard(self) -> bool:
        """Judge the last promotion, and roll it back if that is due; return whether that was done or not needed."""


@dataclass(slots=True, kw_only=True)
class Watcher:
    """Looks, again and again."""

    incoming: IncomingFolder
    """Where files are dropped."""
    triggers: Sequence[RetrainingTrigger]
    """What may ask for a retraining."""
    records: RetrainingRecords
    """What was asked for."""
    lease: Lease
    """Held while triggers are asked."""
    children: Children
    """What does the work."""
    table: str
    """The table of rows that is here: what was asked for because of rows elsewhere is for others to do."""
    log: Log
    """Where it is logged."""
    trigger_seconds: float
    """How often triggers are asked when no file has come."""
    clock: Callable[[], float] = time.monotonic
    """The time, in seconds from any moment."""
    guard: Guard | None = None
    """What watches promotions; None where nothing does."""
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
        """Start the child that judges the last promotion, once for each look that calls for it."""
        seen = self.guard.look() if self.guard is not None else None
        if seen is None:
            return
        this = (seen.change.change_id, seen.look.number if seen.look else None, seen.worse is not None)
        if this != self._guarded and self.children.guard():
            self._guarded = this

    def _ask(self) -> None:
        if not self.lease.acquire():
            return  # another process asks, or retrains
        with self.lease:
            for asked in ask(self.triggers, self.records, now_us):
                self.log.info("retraining asked for", retraining_id=asked.retraining_id, reason=asked.reason)
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
