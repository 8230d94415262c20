"""Answers of challengers to logged requests, beside those that were given: outcomes judge both."""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from sqlalchemy import ColumnElement, Connection, Select, delete, func, select, tuple_
from sqlalchemy.dialects import postgresql, sqlite

from housing_server.prediction_log.logged_requests import PAGE_ROWS, Floats, LoggedRequests, ModelAnswers, columns
from housing_server.prediction_log.records import now_us
from housing_server.prediction_log.retraining_tables import shadow_predictions
from housing_server.prediction_log.store import PredictionStore
from housing_server.prediction_log.tables import Position, order_columns, outcomes, position_value, predictions

_SHADOW = "shadow_"
_ANSWER = ("median_house_value", "interval_lower", "interval_upper", "interval_upper_open", "warnings")


class ShadowPredictions:
    """The answers of one version of a model. Every method raises PredictionLogUnavailable without a store."""

    def __init__(self, store: PredictionStore, model_name: str, model_version: str) -> None:
        self._store = store
        self._model = {"model_name": model_name, "model_version": model_version}

    def add(self, retraining_id: str, logged: LoggedRequests, answers: ModelAnswers) -> int:
        """Record answers to logged requests in one transaction, and return how many are new.

        What was pruned meanwhile is left out, and what is on record stays as it is.
        """
        if len(logged) == 0:
            return 0
        rows = [each | self._model | {"retraining_id": retraining_id} for each in _rows(logged, answers)]
        with self._store.writing() as connection:
            key = predictions.c.prediction_id
            # Held until the end of the transaction, so that nothing is pruned before its row refers to it.
            there = select(key).where(key.in_(logged.ids)).with_for_update(read=True, key_share=True)
            known = set(connection.scalars(there))
            rows = [row for row in rows if row["prediction_id"] in known]
            dialect = postgresql if connection.dialect.name == "postgresql" else sqlite
            inserted = dialect.insert(shadow_predictions).on_conflict_do_nothing()
            before = _counted(connection, self._count())
            if rows:
                connection.execute(inserted, rows)
            return _counted(connection, self._count()) - before

    def count(self) -> int:
        """Count them."""
        with self._store.reading() as connection:
            return _counted(connection, self._count())

    def pages(self, *, page_rows: int = PAGE_ROWS) -> Iterator[tuple[LoggedRequests, ModelAnswers]]:
        """Yield the requests as they were answered, and this version's answers to them, the newest first."""
        before: Position | None = None
        while True:
            with self._store.reading() as connection:
                rows = connection.execute(self._page(before, page_rows)).mappings().all()
            if rows:
                yield LoggedRequests.of(rows), ModelAnswers.of(rows, _SHADOW)
            if len(rows) < page_rows:
                return
            before = Position(rows[-1]["predicted_at_us"], rows[-1]["prediction_id"])

    def errors(self, against: str, *, limit: int) -> tuple[Floats, Floats]:
        """Return this version's errors and those of the version that answered, in USD, where true prices are known.

        Args:
            against: the version that answered.
            limit: the most rows, those whose true prices were recorded first.

        Returns:
            Two arrays of shape (n,), in the same order.
        """
        shadow, true = shadow_predictions.c, outcomes.c.median_house_value
        statement = (
            select(shadow.median_house_value - true, predictions.c.median_house_value - true)
            .join_from(shadow_predictions, predictions, shadow.prediction_id == predictions.c.prediction_id)
            .join(outcomes, outcomes.c.prediction_id == predictions.c.prediction_id)
            .where(*self._mine(), predictions.c.model_version == against)
            .order_by(outcomes.c.recorded_at_us, outcomes.c.prediction_id)
            .limit(limit)
        )
        with self._store.reading() as connection:
            found = np.array(connection.execute(statement).all(), dtype=np.float64).reshape(-1, 2)
        return found[:, 0], found[:, 1]

    def _page(self, before: Position | None, size: int) -> Select[Any]:
        order = order_columns(shadow_predictions)
        conditions = self._mine()
        if before is not None:
            conditions.append(tuple_(*order) < position_value(before))
        answer = [shadow_predictions.c[name].label(f"{_SHADOW}{name}") for name in _ANSWER]
        joined = shadow_predictions.c.prediction_id == predictions.c.prediction_id
        backwards = (column.desc() for column in order)
        return (
            columns()
            .add_columns(*answer)
            .join(shadow_predictions, joined)
            .where(*conditions)
            .order_by(*backwards)
            .limit(size)
        )

    def _count(self) -> Select[int]:
        return select(func.count()).select_from(shadow_predictions).where(*self._mine())

    def _mine(self) -> list[ColumnElement[bool]]:
        return [shadow_predictions.c[name] == value for name, value in self._model.items()]


def prune(store: PredictionStore, *, keep_rows: int) -> int:
    """Delete the answers that were recorded first, so that at most so many stay, and return their number.

    Raises:
        PredictionLogUnavailable: the store is not available.
    """
    shadow = shadow_predictions.c
    with store.writing() as connection:
        newest = select(shadow.scored_at_us).order_by(shadow.scored_at_us.desc()).offset(keep_rows).limit(1)
        last = connection.execute(newest).scalar_one_or_none()
        if last is None:
            return 0
        return connection.execute(delete(shadow_predictions).where(shadow.scored_at_us <= last)).rowcount


def _counted(connection: Connection, statement: Select[int]) -> int:
    count: int = connection.execute(statement).scalar_one()
    return count


def _rows(logged: LoggedRequests, answers: ModelAnswers) -> Sequence[dict[str, Any]]:
    now = now_us()
    lower, upper = ([None if np.isnan(end) else float(end) for end in ends] for ends in answers.bounds.T)
    return [
        {
            "prediction_id": prediction_id,
            "predicted_at_us": int(at),
            "scored_at_us": now,
            "median_house_value": float(price),
            "interval_lower": low,
            "interval_upper": high,
            "interval_upper_open": None if low is None else bool(is_open),
            "warnings": warnings,
        }
        for prediction_id, at, price, low, high, is_open, warnings in zip(
            logged.ids,
            logged.predicted_at_us,
            answers.prices,
            lower,
            upper,
            answers.upper_open,
            answers.warnings,
            strict=True,
        )
    ]
