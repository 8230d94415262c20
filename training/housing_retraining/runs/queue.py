"""Running retrainings one at a time: crashed ones first, then the oldest request."""

from collections.abc import Callable, Collection
from pathlib import Path
from typing import TYPE_CHECKING

from housing_retraining.data_versions.row_table import TABLE
from housing_retraining.errors import LeaseLost
from housing_retraining.runs.heartbeat import Heartbeat
from housing_retraining.settings import RetrainingSettings
from housing_server.prediction_log.retraining_lease import Lease
from housing_server.prediction_log.retrainings import Retraining, RetrainingRecords

if TYPE_CHECKING:
    from housing_retraining.runs.retraining import RetrainingRun


class RetrainingQueue:
    """Runs the waiting retrainings on record."""

    def __init__(
        self,
        settings: RetrainingSettings,
        records: RetrainingRecords,
        lease: Lease,
        make_run: "Callable[[], RetrainingRun]",
        *,
        tables: Collection[str] = (),
    ) -> None:
        """Create it; nothing runs yet.

        Args:
            settings: the settings.
            records: retrainings on record.
            lease: held while retrainings run.
            make_run: returns what runs retrainings; called only when one is waiting, since it imports large libraries.
            tables: the tables of rows on this machine; requests because of rows on others are left to them.
        """
        self._settings, self._records, self._lease, self._make_run = settings, records, lease, make_run
        self._tables = {*tables, None}

    def work_off(self) -> bool:
        """Run all waiting retrainings unless another process does; return whether this one did.

        Raises:
            LeaseLost: another process may retrain now.
        """
        if not self._lease.acquire():
            return False
        with self._lease:
            while (found := self._next()) is not None:
                self._carry_out(found)
        return True

    def _next(self) -> Retraining | None:
        for crashed in self._records.begun():  # by a process that has ended, since this one holds the lease
            if reason := self._given_up(crashed):
                self._records.finish(crashed.retraining_id, "failed", reason)
            else:
                return crashed
        here = (each for each in self._records.waiting() if each.trigger_figures.get(TABLE) in self._tables)
        return next(here, None)

    def _given_up(self, crashed: Retraining) -> str:
        """Return why a retraining cannot be resumed; empty if it can."""
        during = f"its process ended during {crashed.stage!r}"
        if crashed.attempts >= self._settings.retraining_attempts:
            return f"{during}, in attempt {crashed.attempts} of {self._settings.retraining_attempts}"
        if not (self._works / crashed.retraining_id).exists():
            return f"{during}, and its work directory is not here"
        return ""

    def _carry_out(self, retraining: Retraining) -> None:
        from housing_retraining.runs.work_directory import remove_old  # noqa: PLC0415 - scikit-learn: not in the watcher

        run = self._make_run()
        with Heartbeat(self._lease, seconds=self._settings.retraining_lease_seconds, on_lost=run.stop) as heartbeat:
            run.run(retraining)
        if heartbeat.lost:
            raise LeaseLost("another process may retrain now, since this one has given no sign of life")
        remove_old(self._works, self._settings.retraining_keep)

    @property
    def _works(self) -> Path:
        return self._settings.folder / "work"
