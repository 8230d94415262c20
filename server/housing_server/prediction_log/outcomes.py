"""Recording of outcomes: the true prices of predictions."""

from collections.abc import Iterable
from itertools import islice
from typing import Any
from uuid import RFC_4122, UUID

from sqlalchemy import Column, Connection, Select, bindparam, func, insert, select, update

from housing.v1 import outcome_service_pb2 as pb
from housing_server.prediction_log.store import PredictionStore
from housing_server.prediction_log.tables import log_state, outcomes, predictions

_CLOCK_SLACK_US = 1_000_000
"""Largest difference between the time in an id and that of its prediction: ids of a batch are made one by one."""

_IDS_AT_ONCE = 500

_LOCK = 0x6F757463
"""The key of PostgreSQL's advisory lock: any unique number."""


def record_outcomes(
    store: PredictionStore, request: pb.RecordOutcomesRequest, *, now_us: int
) -> pb.RecordOutcomesResponse:
    """Record true prices in one transaction, and return the result of each.

    Raises:
        PredictionLogUnavailable: the store is not available.
    """
    with store.writing() as connection:
        _lock(connection)
        ledger = _Ledger(connection, {given.prediction_id.lower() for given in request.outcomes})
        results = [
            pb.RecordedOutcome(
                prediction_id=given.prediction_id,
                result=ledger.enter(given.prediction_id.lower(), given.median_house_value),
            )
            for given in request.outcomes
        ]
        ledger.write(now_us)
    return pb.RecordOutcomesResponse(outcomes=results)


def _lock(connection: Connection) -> None:
    """Serialize transactions that record outcomes; SQLite does so in any case."""
    if connection.dialect.name == "postgresql":
        connection.execute(select(func.pg_advisory_xact_lock(_LOCK)))


class _Ledger:
    """The outcomes of some predictions, as recorded and as they will be."""

    def __init__(self, connection: Connection, ids: set[str]) -> None:
        self._connection = connection
        self._predicted_at = _predicted_at(connection, ids)
        self._before = _true_values(connection, ids)
        self._after = dict(self._before)
        self._pruned_through_us = connection.execute(select(log_state.c.pruned_through_us)).scalar_one()

    def enter(self, prediction_id: str, value: float) -> "pb.OutcomeResult.ValueType":
        """Enter an outcome, and return its result."""
        if prediction_id not in self._predicted_at:
            late = _made_at_us(prediction_id) <= self._pruned_through_us + _CLOCK_SLACK_US
            return pb.OUTCOME_RESULT_LATE if late else pb.OUTCOME_RESULT_UNKNOWN
        known = self._after.get(prediction_id)
        self._after[prediction_id] = value
        if known is None:
            return pb.OUTCOME_RESULT_RECORDED
        return pb.OUTCOME_RESULT_UNCHANGED if known == value else pb.OUTCOME_RESULT_REVISED

    def write(self, now_us: int) -> None:
        """Write the changes to the store."""
        changed = {key: value for key, value in self._after.items() if value != self._before.get(key)}
        recorded = [self._row(key, value, now_us) for key, value in changed.items() if key not in self._before]
        if recorded:
            self._connection.execute(insert(outcomes), recorded)
        revised = [{"key": key, "value": value} for key, value in changed.items() if key in self._before]
        if revised:
            values = {"median_house_value": bindparam("value"), "revised_at_us": now_us}
            statement = update(outcomes).where(outcomes.c.prediction_id == bindparam("key")).values(values)
            self._connection.execute(statement, revised)

    def _row(self, prediction_id: str, value: float, now_us: int) -> dict[str, Any]:
        return {
            "prediction_id": prediction_id,
            "predicted_at_us": self._predicted_at[prediction_id],
            "median_house_value": value,
            "recorded_at_us": now_us,
        }


def _predicted_at(connection: Connection, ids: Iterable[str]) -> dict[str, int]:
    """Return the times of predictions on record, and lock these until the transaction ends."""
    key, time = predictions.c.prediction_id, predictions.c.predicted_at_us
    return _look_up(connection, key, select(key, time).with_for_update(read=True, key_share=True), ids)


def _true_values(connection: Connection, ids: Iterable[str]) -> dict[str, float]:
    key = outcomes.c.prediction_id
    return _look_up(connection, key, select(key, outcomes.c.median_house_value), ids)


def _look_up(connection: Connection, key: Column[str], statement: Select[Any], ids: Iterable[str]) -> dict[str, Any]:
    """Return values by id, some hundreds at a time: SQLite's cost grows with the square of the number of parameters."""
    found: dict[str, Any] = {}
    waiting = iter(ids)
    while some := list(islice(waiting, _IDS_AT_ONCE)):
        found.update((row[0], row[1]) for row in connection.execute(statement.where(key.in_(some))))
    return found


def _made_at_us(prediction_id: str) -> float:
    """Return when an id was made, in microseconds since the epoch; infinity for an id without a time.

    A UUID of version 7 begins with 48 bits of milliseconds: RFC 9562, section 5.7.
    """
    parsed = UUID(prediction_id)
    is_version_7 = parsed.variant == RFC_4122 and parsed.version == 7  # noqa: PLR2004 - the RFC's number
    return (parsed.int >> 80) * 1000 if is_version_7 else float("inf")
