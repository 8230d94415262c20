"""Who or what has changed the champion, when, from which version to which, and why."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import uuid_utils
from sqlalchemy import insert, select

from housing_server.prediction_log.records import now_us
from housing_server.prediction_log.retraining_tables import model_changes
from housing_server.prediction_log.store import PredictionStore

ChangeKind = Literal["promotion", "rollback"]


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


class ModelChanges:
    """The audit trail in a store. Every method raises PredictionLogUnavailable when the store does not respond."""

    def __init__(self, store: PredictionStore, *, now: Callable[[], int] = now_us) -> None:
        self.store = store
        self._now = now

    def add(self, change: ModelChange) -> None:
        """Put a change on record: before it is made, since one without a record must not be."""
        with self.store.writing() as connection:
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

    def newest(self, model_name: str, count: int) -> list[ModelChange]:
        """Return the last changes of a model, the newest first."""
        order = (model_changes.c.changed_at_us.desc(), model_changes.c.change_id.desc())
        chosen = select(model_changes).where(model_changes.c.model_name == model_name).order_by(*order).limit(count)
        with self.store.reading() as connection:
            rows = connection.execute(chosen).mappings().all()
        return [ModelChange(**{name: value for name, value in row.items() if name != "change_id"}) for row in rows]
