"""The record of stages, written from the moment each begins."""

from collections.abc import Callable
from typing import Any

from housing_retraining.stages.stage import StageResult
from housing_server.prediction_log.records import now_us
from housing_server.prediction_log.retrainings import RetrainingRecords

Entry = dict[str, Any]
"""A stage as JSON holds it: `name`, `state`, `started_at_us`, `finished_at_us`, `figures`, `reason`."""

PART = "stages"
"""The part of the evidence that lists them."""


class StageRecord:
    """The stages of a retraining, in the order in which they begin."""

    def __init__(
        self, records: RetrainingRecords, retraining_id: str, entries: list[Entry], *, now: Callable[[], int] = now_us
    ) -> None:
        """Continue a record.

        Args:
            records: where it is stored.
            retraining_id: the retraining.
            entries: the entries of an attempt that crashed.
            now: returns the time, in microseconds since the epoch.
        """
        self._records, self._retraining_id, self._now = records, retraining_id, now
        self._entries = entries

    def ended(self, name: str) -> StageResult | None:
        """Return the result of a stage that passed or was skipped; None otherwise."""
        for entry in self._entries:
            if entry["name"] == name and entry["state"] in {"passed", "skipped"}:
                return StageResult(state=entry["state"], reason=entry["reason"], figures=entry["figures"])
        return None

    def begin(self, name: str) -> int:
        """Record that a stage runs, and return when it began; after a crash, when it first began."""
        before = next((entry["started_at_us"] for entry in self._entries if entry["name"] == name), None)
        started: int = self._now() if before is None else before
        running = {"name": name, "state": "running", "started_at_us": started, "finished_at_us": None}
        self._entries = [entry for entry in self._entries if entry["name"] != name]
        self._entries.append(running | {"figures": {}, "reason": ""})
        self._records.enter(self._retraining_id, name)
        self._write()
        return started

    def end(self, result: StageResult) -> None:
        """Record the result of the running stage."""
        values = {"state": result.state, "reason": result.reason, "figures": dict(result.figures)}
        self._entries[-1] |= values | {"finished_at_us": self._now()}
        self._write()

    def _write(self) -> None:
        self._records.add_evidence(self._retraining_id, **{PART: self._entries})
