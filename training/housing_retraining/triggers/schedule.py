"""The trigger *schedule*: a time of a cron expression has passed."""

from collections.abc import Callable
from datetime import UTC, datetime

from cronsim import CronSim

from housing_retraining.triggers.trigger import Fired
from housing_server.prediction_log.retrainings import RetrainingRecords, Trigger

_SECOND_US = 1_000_000


class Schedule:
    """Fires at the first scheduled time after the last retraining that it requested.

    Several missed times lead to one retraining.
    """

    kind: Trigger = "schedule"
    cooldown_seconds = 0.0

    def __init__(self, expression: str, records: RetrainingRecords, now: Callable[[], int]) -> None:
        """Create it; without an earlier request the schedule starts now.

        Args:
            expression: when, as a cron expression in UTC.
            records: earlier requests.
            now: returns the time, in microseconds since the epoch.
        """
        self._expression, self._records, self._now = expression, records, now
        self._began_us = now()

    def look(self) -> Fired | None:
        """Return the reason if a scheduled time has passed; None otherwise."""
        last = self._records.last_of(self.kind)
        since = _moment(last.requested_at_us if last else self._began_us)
        due = next(CronSim(self._expression, since))
        if _moment(self._now()) < due:
            return None
        return Fired(
            reason=f"{due:%Y-%m-%d %H:%M} UTC is on the schedule {self._expression}",
            figures={"schedule": self._expression, "due": due.isoformat()},
        )


def _moment(microseconds: int) -> datetime:
    return datetime.fromtimestamp(microseconds / _SECOND_US, UTC)
