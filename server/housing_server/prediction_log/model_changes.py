"""Who or what has changed the champion or the canary, when, from which version to which, and why."""

from collections.abc import Callable, Collection
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import uuid_utils
from sqlalchemy import Connection, RowMapping, Select, func, insert, select, tuple_, update

from housing_server.prediction_log.records import now_us
from housing_server.prediction_log.retraining_tables import model_changes
from housing_server.prediction_log.store import PredictionStore
from housing_server.prediction_log.tables import Position, position_value

ChangeKind = Literal["promotion", "rollback", "canary_start", "canary_share", "canary_end"]
CHAMPION_KINDS: tuple[ChangeKind, ...] = ("promotion", "rollback")
"""Changes of the champion; the others are changes of the canary."""
_CANARY_KINDS: tuple[ChangeKind, ...] = ("canary_start", "canary_share", "canary_end")

_LOCK = 0x6D6F6463
"""The key of PostgreSQL's advisory lock: any unique number."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelChange:
    """A change of the champion or of the canary."""

    model_name: str
    """The registered model."""
    kind: ChangeKind
    """What was changed, and how."""
    from_version: str | None
    """The champion before, or the canary before; None when there was none."""
    to_version: str
    """The champion since, or the canary since; empty when a canary ended."""
    changed_by: str
    """Who or what changed it."""
    reason: str
    """Why."""
    retraining_id: str | None = None
    """The retraining that led to it; None when people did."""
    from_share: float | None = None
    """The share of the calls that the canary before answered, from 0 to 1; None without one."""
    to_share: float | None = None
    """The share of the calls that the canary answers since, from 0 to 1; None without one."""
    changed_at_us: int = 0
    """When, in microseconds since the epoch; set when it goes on record."""
    change_id: str = field(default="", compare=False)
    """Its id, a UUID of version 7; set when it goes on record."""
    failure: str | None = None
    """Why it could not be made after it had gone on record; None where it was made."""


class ModelChanges:
    """The audit trail in a store. Every method raises PredictionLogUnavailable when the store does not respond."""

    def __init__(self, store: PredictionStore, *, now: Callable[[], int] = now_us) -> None:
        self.store = store
        self._now = now

    def add(self, change: ModelChange) -> ModelChange:
        """Put a change on record, before it is made, since one without a record must not be; return it with its id."""
        with self.store.writing() as connection:
            return self._insert(connection, change)

    def fail(self, change: ModelChange, failure: str) -> None:
        """Record why a change could not be made."""
        with self.store.writing() as connection:
            key = model_changes.c.change_id == change.change_id
            connection.execute(update(model_changes).where(key).values(failure=failure))

    def add_after(self, before: ModelChange, change: ModelChange) -> ModelChange | None:
        """Put a change on record unless another one has followed `before`; return it with its id, or None.

        Of several processes that see the same reason to change the champion, one does; when it could not, another may.
        """
        with self.store.writing() as connection:
            newest = _last_made(connection, change.model_name, CHAMPION_KINDS)
            if newest is None or newest["change_id"] != before.change_id:
                return None
            return self._insert(connection, change)

    def add_canary_end(self, change: ModelChange) -> ModelChange | None:
        """Put the end of a canary on record unless it is already; return it with its id, or None.

        Several servers may see the same canary fail, and the stage of a retraining that they have ended it.
        """
        with self.store.writing() as connection:
            newest = _last_made(connection, change.model_name, _CANARY_KINDS)
            if newest is not None and (newest["kind"], newest["from_version"]) == (change.kind, change.from_version):
                return None
            return self._insert(connection, change)

    def newest(
        self,
        model_name: str,
        count: int,
        *,
        before: Position | None = None,
        kinds: Collection[ChangeKind] = (*CHAMPION_KINDS, *_CANARY_KINDS),
    ) -> list[ModelChange]:
        """Return the last changes of a model, the newest first.

        Args:
            model_name: the registered model.
            count: the most of them.
            before: a position that all of them precede; None for no bound.
            kinds: the kinds that are wanted.
        """
        statement = _newest(model_name, count, kinds)
        if before is not None:
            order = tuple_(model_changes.c.changed_at_us, model_changes.c.change_id)
            statement = statement.where(order < position_value(before))
        with self.store.reading() as connection:
            rows = connection.execute(statement).mappings().all()
        return [ModelChange(**row) for row in rows]

    def counts(self, model_name: str) -> dict[str, tuple[int, int]]:
        """Count a model's changes that were made: number and time of the newest, by kind."""
        of = model_changes.c
        made = (of.model_name == model_name, of.failure.is_(None))
        statement = select(of.kind, func.count(), func.max(of.changed_at_us)).where(*made).group_by(of.kind)
        with self.store.reading() as connection:
            return {kind: (count, newest) for kind, count, newest in connection.execute(statement)}

    def _insert(self, connection: Connection, change: ModelChange) -> ModelChange:
        change = replace(change, change_id=str(uuid_utils.uuid7()), changed_at_us=self._now())
        connection.execute(
            insert(model_changes).values(
                change_id=change.change_id,
                changed_at_us=change.changed_at_us,
                model_name=change.model_name,
                kind=change.kind,
                from_version=change.from_version,
                to_version=change.to_version,
                changed_by=change.changed_by,
                reason=change.reason,
                retraining_id=change.retraining_id,
                from_share=change.from_share,
                to_share=change.to_share,
            )
        )
        return change


def _last_made(connection: Connection, model_name: str, kinds: Collection[ChangeKind]) -> RowMapping | None:
    """Return the last change of some kinds that was made; no other process records one before the transaction ends."""
    if connection.dialect.name == "postgresql":  # SQLite has one writer in any case
        connection.execute(select(func.pg_advisory_xact_lock(_LOCK)))
    made = _newest(model_name, 1, kinds).where(model_changes.c.failure.is_(None))
    return connection.execute(made).mappings().one_or_none()


def _newest(model_name: str, count: int, kinds: Collection[ChangeKind]) -> Select[Any]:
    of = model_changes.c
    order = (of.changed_at_us.desc(), of.change_id.desc())
    wanted = (of.model_name == model_name, of.kind.in_(kinds))
    return select(model_changes).where(*wanted).order_by(*order).limit(count)
