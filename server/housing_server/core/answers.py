"""Answers: what one run of a model says of its rows, as facts with ids, and as messages."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
from google.protobuf.timestamp_pb2 import Timestamp

from housing.contract import UNUSUAL_RULES
from housing.v1.prediction_service_pb2 import Prediction, PredictResponse
from housing.v1.prediction_service_pb2 import Warning as PredictionWarning
from housing_server.core.callers import Caller
from housing_server.core.model import Estimates, Model, Rows

if TYPE_CHECKING:
    from google.protobuf.internal.containers import RepeatedCompositeFieldContainer


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

    _intervals: Sequence[tuple[list[float], bool]] = field(init=False)
    """Bounds in USD and whether the upper is open, for each row; empty when the model does not tell."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "warnings", _warnings(self.rows, self.estimates, self.model.warnings))
        object.__setattr__(self, "_intervals", _intervals(self.estimates))

    def response(self, index: int) -> PredictResponse:
        """Word the answer to one row as that of a call."""
        description = self.model.description
        response = PredictResponse(
            prediction_id=self.prediction_ids[index],
            median_house_value=self.estimates.median_house_value[index],
            model_name=description.name,
            model_version=description.version,
            predicted_at=timestamp(self.predicted_at),
            warnings=self.warnings.get(index),
        )
        self._tell_interval(index, response)
        return response

    def fill(self, predictions: RepeatedCompositeFieldContainer[Prediction]) -> None:
        """Word the answers as those of a batch: in the response itself, at half the cost of messages to copy there."""
        prices = self.estimates.median_house_value.tolist()
        for index, (prediction_id, price) in enumerate(zip(self.prediction_ids, prices, strict=True)):
            prediction = predictions.add(
                prediction_id=prediction_id, median_house_value=price, warnings=self.warnings.get(index)
            )
            self._tell_interval(index, prediction)

    def _tell_interval(self, index: int, message: Prediction | PredictResponse) -> None:
        if not self._intervals:
            return
        interval = message.interval
        (interval.lower, interval.upper), interval.upper_open = self._intervals[index]
        interval.coverage = self.model.interval_coverage


def timestamp(nanoseconds: int) -> Timestamp:
    """Word a time, in nanoseconds since the epoch."""
    seconds, nanos = divmod(nanoseconds, 1_000_000_000)
    return Timestamp(seconds=seconds, nanos=nanos)


def _intervals(estimates: Estimates) -> Sequence[tuple[list[float], bool]]:
    """Pair bounds with whether the upper is open."""
    interval = estimates.interval
    if interval is None:
        return ()
    return list(zip(interval.bounds.tolist(), interval.upper_open.tolist(), strict=True))


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
