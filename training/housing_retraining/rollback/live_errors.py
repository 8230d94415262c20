"""Errors of versions on live requests with outcomes."""

from collections.abc import Callable

import numpy as np
from sqlalchemy import ColumnElement, select

from housing_server.prediction_log.logged_requests import Floats, LoggedRequests, columns
from housing_server.prediction_log.store import PredictionStore
from housing_server.prediction_log.tables import outcomes, predictions

Replay = Callable[[LoggedRequests], Floats]
"""Returns the prices of a version for logged requests, in USD, shape (n,); NaN where it failed."""


class LiveErrors:
    """Reads errors. Every method raises PredictionLogUnavailable when the store does not respond."""

    def __init__(self, store: PredictionStore, model_name: str) -> None:
        self._store, self._model_name = store, model_name

    def first(self, version: str, *, since_us: int, limit: int) -> Floats:
        """Return the errors of a version with the earliest outcomes, in their order.

        Args:
            version: the version.
            since_us: the earliest time of predictions, in microseconds since the epoch.
            limit: the most of them.

        Returns:
            Predicted less true prices in USD, shape (n,).
        """
        return self._errors(version, since_us, limit, newest=False)

    def newest(self, version: str, *, since_us: int, limit: int) -> Floats:
        """Return the errors of a version with the latest outcomes; see `first` for the arguments."""
        return self._errors(version, since_us, limit, newest=True)

    def requests(self, version: str, *, since_us: int, limit: int) -> LoggedRequests:
        """Return the requests behind `first`, in the same order."""
        order = (outcomes.c.recorded_at_us, outcomes.c.prediction_id)
        known = outcomes.c.median_house_value.is_not(None)
        statement = columns().where(known, *self._of(version, since_us)).order_by(*order).limit(limit)
        with self._store.reading() as connection:
            return LoggedRequests.of(connection.execute(statement).mappings().all())

    def _errors(self, version: str, since_us: int, limit: int, *, newest: bool) -> Floats:
        order = (outcomes.c.recorded_at_us, outcomes.c.prediction_id)
        statement = (
            select(predictions.c.median_house_value - outcomes.c.median_house_value)
            .join_from(outcomes, predictions, outcomes.c.prediction_id == predictions.c.prediction_id)
            .where(*self._of(version, since_us))
            .order_by(*(column.desc() if newest else column for column in order))
            .limit(limit)
        )
        with self._store.reading() as connection:
            return np.array(connection.scalars(statement).all(), dtype=np.float64)

    def _of(self, version: str, since_us: int) -> list[ColumnElement[bool]]:
        of = predictions.c
        return [
            of.model_name == self._model_name,
            of.model_version == version,
            outcomes.c.predicted_at_us >= since_us,
        ]
