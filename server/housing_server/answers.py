"""Answers: what one run of a model says of its rows, as facts with ids, and as messages."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from google.protobuf.timestamp_pb2 import Timestamp

from housing.contract import UNUSUAL_RULES
from housing.v1.prediction_service_pb2 import Prediction, PredictionInterval, PredictResponse
from housing.v1.prediction_service_pb2 import Warning as PredictionWarning
from housing_server.callers import Caller
from housing_server.models import Estimates, Model, Rows


@dataclass(frozen=True, slots=True, kw_only=True)
class Answers:
    """The answers to n rows."""

    model: Model
    """What computed them."""
    rows: Rows
    """The rows, float64, shape (n, 9)."""
    estimates: Estimates
    """What the model says of them."""
    prediction_ids: Sequence[str]
    """An id for each, unique for good."""
    predicted_at: int
    """When, in nanoseconds since the epoch."""
    latency_seconds: Sequence[float]
    """Time from a row's arrival to its answer: one for each row, or one for all."""
    callers: Sequence[Caller]
    """Who asked: one for each row, or one for all."""
    warnings: dict[int, list[PredictionWarning]] = field(init=False)
    """What is unusual about a row, by its index; most have nothing."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "warnings", _warnings(self.rows, self.estimates, self.model.warnings))

    def response(self, index: int) -> PredictResponse:
        """Word the answer to one row as that of a call."""
        description = self.model.description
        return PredictResponse(
            prediction_id=self.prediction_ids[index],
            median_house_value=self.estimates.median_house_value[index],
            interval=self._interval(index),
            model_name=description.name,
            model_version=description.version,
            predicted_at=timestamp(self.predicted_at),
            warnings=self.warnings.get(index),
        )

    def predictions(self) -> list[Prediction]:
        """Word the answers as those of a batch."""
        return [
            Prediction(
                prediction_id=prediction_id,
                median_house_value=price,
                interval=self._interval(index),
                warnings=self.warnings.get(index),
            )
            for index, (prediction_id, price) in enumerate(
                zip(self.prediction_ids, self.estimates.median_house_value.tolist(), strict=True)
            )
        ]

    def _interval(self, index: int) -> PredictionInterval | None:
        interval = self.estimates.interval
        if interval is None:
            return None
        lower, upper = interval.bounds[index].tolist()
        return PredictionInterval(
            lower=lower, upper=upper, coverage=self.model.interval_coverage, upper_open=interval.upper_open[index]
        )


def timestamp(nanoseconds: int) -> Timestamp:
    """Word a time, in nanoseconds since the epoch."""
    seconds, nanos = divmod(nanoseconds, 1_000_000_000)
    return Timestamp(seconds=seconds, nanos=nanos)


def _warnings(
    rows: Rows, estimates: Estimates, known: Sequence[PredictionWarning]
) -> dict[int, list[PredictionWarning]]:
    """Gather what the contract's rules and the model itself find unusual."""
    found: dict[int, list[PredictionWarning]] = {}
    for rule in UNUSUAL_RULES:
        for row in np.flatnonzero(rows[:, rule.field] > rows[:, rule.exceeds]).tolist():
            found.setdefault(row, []).append(rule.warning)
    if estimates.warned is not None and estimates.warned.any():
        for row, which in np.argwhere(estimates.warned).tolist():
            found.setdefault(row, []).append(known[which])
    return found
