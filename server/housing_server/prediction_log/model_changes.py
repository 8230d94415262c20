"""Who or what has changed the champion, when, from which version to which, and why."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal

import uuid_utils
from sqlalchemy import Connection, Select, func, insert, select

from housing_server.prediction_log.records import now_us
from housing_server.prediction_log.retraining_tables import model_changes
from housing_server.prediction_log.store import PredictionStore

ChangeKind = Literal["promotion", "rollback"]

_LOCK = 0x6D6F6463
"""The key of PostgreSQL's advisory lock: any unique number."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelChange:
    """A change of the champion."""

    model_name: str
    """The registered model."""
    kind: ChangeKind
    """What it was."""
    from_version: str | None
    """The champion before; None when there was none."""
    to_version: str
    """The champion since."""
    changed_by: str
    """Who or what changed it."""
    reason: str
    """Why."""
    retraining_id: str | None = None
    """The retraining that led to it; None when people did."""
    changed_at_us: int = 0
    """When, in microseconds since the epoch; set when it goes on record."""
    change_id: str = field(default="", compare=False)
    """Its id, a UUID of version 7; set when it goes on record."""


class ModelChanges:
    """The audit trail in a store. Every method raises PredictionLogUnavailable when the store does not respond."""

    def __init__(self, store: PredictionStore, *, now: Callable[[], int] = now_us) -> None:
        self.store = store
        self._now = now

    def add(self, change: ModelChange) -> None:
        """Put a change on record: before it is made, since one without a record must not be."""
        with self.store.writing() as connection:
            self._insert(connection, change)

    def add_after(self, before: ModelChange, change: ModelChange) -> bool:
        """Put a change on record unless another one has followed `before`; return whether it is on record.

        Of several processes that see the same reason to change the champion, one does.
        """
        with self.store.writing() as connection:
            if connection.dialect.name == "postgresql":  # SQLite has one writer in any case
                connection.execute(select(func.pg_advisory_xact_lock(_LOCK)))
            newest = connection.execute(_newest(change.model_name, 1)).mappings().one_or_none()
            if newest is None or newest["change_id"] != before.change_id:
                return False
            self._insert(connection, change)
        return True

    def newest(self, model_name: str, count: int) -> list[ModelChange]:
        """Return the last changes of a model, the newest first."""
        with self.store.reading() as connection:
            rows = connection.execute(_newest(model_name, count)).mappings().all()
        return [ModelChange(**row) for row in rows]

    def _insert(self, connection: Connection, change: ModelChange) -> None:
        connection.execute(
            insert(model_changes).values(
                change_id=str(uuid_utils.uuid7()),
                changed_at_us=self._now(),
                model_name=change.model_name,
                kind=change.kind,
                from_version=change.from_version,
                to_version=change.to_version,
                changed_by=change.changed_by,
                reason=change.reason,
                retraining_id=change.retraining_id,
            )
        )


def _newest(model_name: str, count: int) -> Select[Any]:
    order = (model_changes.c.changed_at_us.desc(), model_changes.c.change_id.desc())
    return select(model_changes).where(model_changes.c.model_name == model_name).order_by(*order).limit(count)
