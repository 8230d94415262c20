"""Queries for retrainings on record: a single one, page by page, and what there is in all."""

from collections.abc import Iterator
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, func, select, tuple_

from housing.v1 import retraining_service_pb2 as pb
from housing_server.errors import RetrainingNotFound
from housing_server.prediction_log.model_changes import ModelChanges
from housing_server.prediction_log.page_tokens import position_from_token, token_from_position
from housing_server.prediction_log.records import from_timestamp, now_us, timestamp
from housing_server.prediction_log.retraining_lease import Lease
from housing_server.prediction_log.retraining_messages import (
    message,
    trigger_name,
    trigger_value,
    verdict_name,
    verdict_value,
)
from housing_server.prediction_log.retraining_tables import retrainings
from housing_server.prediction_log.retrainings import Retraining, RetrainingRecords
from housing_server.prediction_log.store import PredictionStore
from housing_server.prediction_log.tables import Position, position_value
from housing_server.prediction_log.watchers import Watchers

DEFAULT_PAGE_SIZE = 100
ALIVE_SECONDS = 120
"""How long after its last report a watcher counts as alive."""

_NEWEST_FIRST = (retrainings.c.requested_at_us.desc(), retrainings.c.retraining_id.desc())


def get_retraining(store: PredictionStore, retraining_id: str) -> pb.GetRetrainingResponse:
    """Return one retraining.

    Raises:
        RetrainingNotFound: it is not on record.
        PredictionLogUnavailable: the store is not available.
    """
    found = RetrainingRecords(store).find(retraining_id)
    if found is None:
        raise RetrainingNotFound
    return pb.GetRetrainingResponse(retraining=message(found))


def list_retrainings(store: PredictionStore, request: pb.ListRetrainingsRequest) -> pb.ListRetrainingsResponse:
    """List a page of retrainings, the newest first.

    Raises:
        InvalidRequest: the page token was not issued for this listing.
        PredictionLogUnavailable: the store is not available.
    """
    size = request.page_size or DEFAULT_PAGE_SIZE
    statement = select(retrainings).where(*_conditions(request)).order_by(*_NEWEST_FIRST).limit(size + 1)
    with store.reading() as connection:
        rows = connection.execute(statement).mappings().all()
    found = [Retraining.of(row) for row in rows[:size]]
    page = pb.ListRetrainingsResponse(retrainings=(message(each, slices=False) for each in found))
    if len(rows) > size:
        page.next_page_token = token_from_position(
            Position(found[-1].requested_at_us, found[-1].retraining_id), request
        )
    return page


def retraining_status(store: PredictionStore, model_name: str) -> pb.GetRetrainingStatusResponse:
    """Return the watchers, what waits and runs, and counts; changes are those of a registered model.

    Raises:
        PredictionLogUnavailable: the store is not available.
    """
    verdict, started = retrainings.c.verdict, retrainings.c.started_at_us
    with store.reading() as connection:
        waiting, since = connection.execute(_waiting()).one()
        running = _newest(connection, verdict.is_(None), started.is_not(None))
        finished = _newest(connection, verdict.is_not(None))
        compared = _newest(connection, retrainings.c.evidence.like('%"comparison": {%'))
        counts = [_count(*row) for row in connection.execute(_counts())]
    changes = ModelChanges(store).counts(model_name)
    rollbacks, last_rollback = changes.get("rollback", (0, None))
    return pb.GetRetrainingStatusResponse(
        watchers=_watchers(store),
        waiting=waiting,
        waiting_since=None if since is None else timestamp(since),
        running=running,
        lease_held=Lease(store, "", seconds=0).holder() is not None,
        last_finished=finished,
        last_compared=compared,
        finished=counts,
        promotions=changes.get("promotion", (0, None))[0],
        rollbacks=rollbacks,
        last_rollback_at=None if last_rollback is None else timestamp(last_rollback),
    )


def _conditions(request: pb.ListRetrainingsRequest) -> Iterator[ColumnElement[bool]]:
    of = retrainings.c
    if request.HasField("start_time"):
        yield of.requested_at_us >= from_timestamp(request.start_time)
    if request.HasField("end_time"):
        yield of.requested_at_us < from_timestamp(request.end_time)
    if request.trigger:
        yield of.trigger_kind == trigger_name(request.trigger)
    if request.verdict:
        yield of.verdict == verdict_name(request.verdict)
    if request.HasField("finished"):
        yield of.verdict.is_not(None) if request.finished else of.verdict.is_(None)
    if request.model_version:
        yield of.model_version == request.model_version
    if last := position_from_token(request):
        yield tuple_(of.requested_at_us, of.retraining_id) < position_value(last)


def _waiting() -> Select[int, Any]:
    of = retrainings.c
    waits = (of.verdict.is_(None), of.started_at_us.is_(None))
    return select(func.count(), func.min(of.requested_at_us)).where(*waits)


def _counts() -> Select[Any]:
    of = retrainings.c
    groups = (of.trigger_kind, of.verdict)
    return select(*groups, func.count()).where(of.verdict.is_not(None)).group_by(*groups).order_by(*groups)


def _count(trigger: str, verdict: str, count: int) -> pb.RetrainingCount:
    return pb.RetrainingCount(trigger=trigger_value(trigger), verdict=verdict_value(verdict), count=count)


def _newest(connection: Connection, *conditions: ColumnElement[bool]) -> pb.Retraining | None:
    statement = select(retrainings).where(*conditions).order_by(*_NEWEST_FIRST).limit(1)
    row = connection.execute(statement).mappings().one_or_none()
    return None if row is None else message(Retraining.of(row), slices=False)


def _watchers(store: PredictionStore) -> Iterator[pb.RetrainingWatcher]:
    alive_since = now_us() - ALIVE_SECONDS * 1_000_000
    for watcher in Watchers(store).seen():
        yield pb.RetrainingWatcher(
            process=watcher.process,
            seen_at=timestamp(watcher.seen_at_us),
            alive=watcher.seen_at_us >= alive_since,
            pending_rows=watcher.pending_rows,
            problem=watcher.problem,
        )
