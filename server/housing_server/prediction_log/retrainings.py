"""Retrainings on record: what led to each, what it found, and what became of it.

Whoever wants one writes a request; the process that holds the lease takes the oldest, and records what it sees on the
way. A retraining that was begun and has no verdict is under way, or its process has died: who gets the lease knows.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Self

import uuid_utils
from sqlalchemy import RowMapping, Select, insert, select, update

from housing_server.prediction_log.records import now_us
from housing_server.prediction_log.retraining_tables import retrainings
from housing_server.prediction_log.store import PredictionStore

Trigger = Literal["manual", "new_data", "schedule", "degradation"]
Verdict = Literal["promoted", "refused", "failed"]

WAITING = "waiting"
"""The stage of a retraining that nobody has begun."""
DONE = "done"
"""The stage of a retraining that has a verdict."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Retraining:
    """One retraining, as far as it has come."""

    retraining_id: str
    """Its id: a UUID of version 7."""
    trigger: Trigger
    """What asked for it."""
    trigger_figures: Mapping[str, Any]
    """The figures that made the trigger fire, by name."""
    reason: str
    """Why it was asked for, for people."""
    requested_by: str
    """Who or what asked for it."""
    requested_at_us: int
    """When it was asked for, in microseconds since the epoch."""
    started_at_us: int | None = None
    """When it was begun."""
    finished_at_us: int | None = None
    """When it got its verdict."""
    stage: str = WAITING
    """What it is doing: `waiting`, a stage of the pipeline, `compare`, `promote` or `done`."""
    attempts: int = 0
    """How often it was begun: a crash is followed by another attempt."""
    verdict: Verdict | None = None
    """What became of it; None before that is known."""
    verdict_reason: str | None = None
    """Why, in a line."""
    data_sha256: str | None = None
    """SHA-256 of the table that it has trained and tested on."""
    data_rows: int | None = None
    """Rows of that table."""
    new_rows: int | None = None
    """How many of them no promoted model has learnt from."""
    run_id: str | None = None
    """The MLflow run of the candidate."""
    model_version: str | None = None
    """The candidate's version in the registry."""
    champion_version: str | None = None
    """The version that it was compared with."""
    evidence: Mapping[str, Any] = field(default_factory=dict)
    """The comparison and the gates, as JSON holds them."""

    @classmethod
    def of(cls, row: RowMapping) -> Self:
        """Read a row of the table."""
        values = dict(row)
        trigger, figures = values.pop("trigger_kind"), json.loads(values.pop("trigger_figures"))
        evidence = json.loads(values.pop("evidence"))
        return cls(trigger=trigger, trigger_figures=figures, evidence=evidence, **values)


class RetrainingRecords:
    """The retrainings in a store. Every method raises PredictionLogUnavailable when the store does not respond."""

    def __init__(self, store: PredictionStore, *, now: Callable[[], int] = now_us) -> None:
        self._store = store
        self._now = now

    def request(
        self,
        trigger: Trigger,
        *,
        reason: str,
        requested_by: str,
        figures: Mapping[str, Any] | None = None,
        retraining_id: str = "",
    ) -> Retraining:
        """Request a retraining, and return what is on record of it.

        Args:
            trigger: what requests it.
            reason: why, for people.
            requested_by: who or what requests it.
            figures: the figures that made the trigger fire, by name.
            retraining_id: its id, a UUID that is not on record yet; empty for a new one.

        Raises:
            sqlalchemy.exc.IntegrityError: the id is on record.
        """
        asked = Retraining(
            retraining_id=retraining_id or str(uuid_utils.uuid7()),
            trigger=trigger,
            trigger_figures=dict(figures or {}),
            reason=reason,
            requested_by=requested_by,
            requested_at_us=self._now(),
        )
        with self._store.writing() as connection:
            connection.execute(
                insert(retrainings).values(
                    retraining_id=asked.retraining_id,
                    trigger_kind=asked.trigger,
                    trigger_figures=json.dumps(asked.trigger_figures),
                    reason=asked.reason,
                    requested_by=asked.requested_by,
                    requested_at_us=asked.requested_at_us,
                    stage=asked.stage,
                    attempts=0,
                    evidence="{}",
                )
            )
        return asked

    def begin(self, retraining_id: str) -> None:
        """Record that a process has begun, or begun again; the first time it began is kept."""
        started = retrainings.c.started_at_us
        self._write(retraining_id, attempts=retrainings.c.attempts + 1)
        with self._store.writing() as connection:
            key = retrainings.c.retraining_id == retraining_id
            connection.execute(update(retrainings).where(key, started.is_(None)).values(started_at_us=self._now()))

    def enter(self, retraining_id: str, stage: str) -> None:
        """Record what it does now."""
        self._write(retraining_id, stage=stage)

    def add(self, retraining_id: str, *, evidence: Mapping[str, Any] | None = None, **columns: object) -> None:
        """Record what it has found out: columns by name, and evidence, which takes the place of what was there."""
        self._write(retraining_id, **columns, **({} if evidence is None else {"evidence": json.dumps(evidence)}))

    def add_evidence(self, retraining_id: str, **parts: object) -> None:
        """Record parts of the evidence by name, each in the place of an earlier one; other parts stay."""
        key = retrainings.c.retraining_id == retraining_id
        with self._store.writing() as connection:
            found = connection.execute(select(retrainings.c.evidence).where(key)).scalar_one_or_none()
            evidence = json.loads(found or "{}") | parts
            connection.execute(update(retrainings).where(key).values(evidence=json.dumps(evidence)))

    def finish(self, retraining_id: str, verdict: Verdict, reason: str) -> None:
        """Record its verdict, which is final: another one is not written over it. No stage is running any more."""
        open_one = (retrainings.c.retraining_id == retraining_id, retrainings.c.verdict.is_(None))
        with self._store.writing() as connection:
            found = connection.execute(select(retrainings.c.evidence).where(*open_one)).scalar_one_or_none()
            if found is None:
                return
            now = self._now()
            state = "passed" if verdict == "promoted" else "failed"
            evidence = _with_stages_ended(json.loads(found), state, reason, now)
            values = {"verdict": verdict, "verdict_reason": reason, "stage": DONE, "finished_at_us": now}
            connection.execute(update(retrainings).where(*open_one).values(evidence=json.dumps(evidence), **values))

    def find(self, retraining_id: str) -> Retraining | None:
        """Return a retraining by its whole id; None when it is not on record."""
        key = retrainings.c.retraining_id
        return next(iter(self._read(select(retrainings).where(key == retraining_id.lower()))), None)

    def get(self, retraining_id: str) -> Retraining | None:
        """Return a retraining, by its id or by a beginning that no other id has; None when there is none."""
        key = retrainings.c.retraining_id
        everything = select(retrainings).order_by(retrainings.c.requested_at_us.desc(), key.desc())
        found = [each for each in self._read(everything) if each.retraining_id.startswith(retraining_id.lower())]
        return found[0] if len(found) == 1 else None

    def newest(self, count: int) -> list[Retraining]:
        """Return so many retrainings, the newest first."""
        order = (retrainings.c.requested_at_us.desc(), retrainings.c.retraining_id.desc())
        return self._read(select(retrainings).order_by(*order).limit(count))

    def waiting(self) -> list[Retraining]:
        """Return those that nobody has begun, the oldest first."""
        return self._open(begun=False)

    def begun(self) -> list[Retraining]:
        """Return those that were begun and have no verdict, the oldest first."""
        return self._open(begun=True)

    def last_of(self, trigger: Trigger) -> Retraining | None:
        """Return the newest that a trigger has asked for; None when it never has."""
        order = (retrainings.c.requested_at_us.desc(), retrainings.c.retraining_id.desc())
        fired = select(retrainings).where(retrainings.c.trigger_kind == trigger).order_by(*order).limit(1)
        return next(iter(self._read(fired)), None)

    def versions_of(self, data_sha256: str) -> list[str]:
        """Return the versions that were trained on a table, the newest first."""
        order = (retrainings.c.requested_at_us.desc(), retrainings.c.retraining_id.desc())
        found = self._read(select(retrainings).where(retrainings.c.data_sha256 == data_sha256).order_by(*order))
        return [each.model_version for each in found if each.model_version is not None]

    def _open(self, *, begun: bool) -> list[Retraining]:
        started = retrainings.c.started_at_us
        chosen = started.is_not(None) if begun else started.is_(None)
        order = (retrainings.c.requested_at_us, retrainings.c.retraining_id)
        return self._read(select(retrainings).where(retrainings.c.verdict.is_(None), chosen).order_by(*order))

    def _read(self, statement: Select[Any]) -> list[Retraining]:
        with self._store.reading() as connection:
            rows: Sequence[RowMapping] = connection.execute(statement).mappings().all()
        return [Retraining.of(row) for row in rows]

    def _write(self, retraining_id: str, **columns: object) -> None:
        with self._store.writing() as connection:
            key = retrainings.c.retraining_id == retraining_id
            connection.execute(update(retrainings).where(key).values(**columns))


def _with_stages_ended(evidence: dict[str, Any], state: str, reason: str, now: int) -> dict[str, Any]:
    """Record what became of the stage that was running, if any."""
    ended = {"state": state, "finished_at_us": now, "reason": reason}
    stages = [stage | ended if stage["state"] == "running" else stage for stage in evidence.get("stages", [])]
    return evidence | ({"stages": stages} if stages else {})
