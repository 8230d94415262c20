"""Answers: the result of a run of a model, with prediction ids, and its conversion to messages."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
from google.protobuf.timestamp_pb2 import Timestamp
from numpy.typing import NDArray

from housing.rules import UNUSUAL_RULES
from housing.v1.prediction_service_pb2 import BatchPredictResponse, Prediction, PredictionInterval, PredictResponse
from housing.v1.prediction_service_pb2 import Warning as PredictionWarning
from housing_server.core.callers import Caller
from housing_server.core.model import Estimates, PriceModel, Rows
from housing_server.core.packed_predictions import pack_predictions

_FEW_ROWS = 16
"""Up to this many rows plain Python is faster than NumPy."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answers:
    """The answers to n rows."""

    model: PriceModel
    """The model that computed them."""
    rows: Rows
    """The rows, float64, shape (n, 9)."""
    estimates: Estimates
    """The model's outputs."""
    prediction_ids: Sequence[str]
    """A unique id for each row."""
    predicted_at: int
    """Time of the prediction, in nanoseconds since the epoch."""
    latency_seconds: Sequence[float]
    """Time from a row's arrival to its answer: one for each row, or one for all."""
    callers: Sequence[Caller]
    """The origin of each row, or one for all."""
    warnings: Mapping[int, Sequence[PredictionWarning]]
    """Warnings by the index of the row; most rows have none."""

    @classmethod
    def of(  # noqa: PLR0913 - keyword-only arguments are clear in any number
        cls,
        model: PriceModel,
        rows: Rows,
        estimates: Estimates,
        *,
        prediction_ids: Sequence[str],
        predicted_at: int,
        latency_seconds: Sequence[float],
        callers: Sequence[Caller],
    ) -> Self:
        """Create answers from a model's estimates, with their warnings."""
        return cls(
            model=model,
            rows=rows,
            estimates=estimates,
            prediction_ids=prediction_ids,
            predicted_at=predicted_at,
            latency_seconds=latency_seconds,
            callers=callers,
            warnings=warnings_of(model, rows, estimates),
        )

    def response(self, index: int) -> PredictResponse:
        """Return the answer to one row as the response to Predict."""
        description = self.model.description
        return PredictResponse(
            prediction_id=self.prediction_ids[index],
            median_house_value=self.estimates.median_house_value[index],
            interval=interval_of(self.model, self.estimates, index),
            model_name=description.name,
            model_version=description.version,
            predicted_at=timestamp(self.predicted_at),
            warnings=self.warnings.get(index),
        )

    def encoded_predictions(self) -> bytes:
        """Return the answers encoded as a part of the response to a batch."""
        packed = self._packed() if len(self.prediction_ids) > _FEW_ROWS else None
        return self._encoded_each() if packed is None else packed

    def _packed(self) -> bytes | None:
        estimates = self.estimates
        return pack_predictions(
            self.prediction_ids,
            estimates.median_house_value,
            estimates.interval,
            self.model.interval_coverage,
            self.warnings,
        )

    def _encoded_each(self) -> bytes:
        predictions = (
            Prediction(
                prediction_id=prediction_id,
                median_house_value=price,
                interval=interval_of(self.model, self.estimates, index),
                warnings=self.warnings.get(index),
            )
            for index, (prediction_id, price) in enumerate(
                zip(self.prediction_ids, self.estimates.median_house_value.tolist(), strict=True)
            )
        )
        return BatchPredictResponse(predictions=predictions).SerializeToString()


def timestamp(nanoseconds: int) -> Timestamp:
    """Convert nanoseconds since the epoch to a Timestamp."""
    seconds, nanos = divmod(nanoseconds, 1_000_000_000)
    return Timestamp(seconds=seconds, nanos=nanos)


def interval_of(model: PriceModel, estimates: Estimates, index: int) -> PredictionInterval | None:
    """Return the interval of one row as a message; None when the model has no intervals."""
    if estimates.interval is None:
        return None
    lower, upper = estimates.interval.bounds[index].tolist()
    upper_open = bool(estimates.interval.upper_open[index])
    return PredictionInterval(lower=lower, upper=upper, coverage=model.interval_coverage, upper_open=upper_open)


def warnings_of(model: PriceModel, rows: Rows, estimates: Estimates) -> dict[int, list[PredictionWarning]]:
    """Collect the warnings of the contract's rules and of the model, by the index of the row."""
    found: dict[int, list[PredictionWarning]] = {}
    for rule in UNUSUAL_RULES:
        for row in _rows_where_more(rows, rule.field, rule.exceeds):
            found.setdefault(row, []).append(rule.warning)
    if estimates.warned is not None and _any(estimates.warned):
        for row, which in np.argwhere(estimates.warned).tolist():
            found.setdefault(row, []).append(model.warnings[which])
    return found


def _rows_where_more(rows: Rows, field: int, than: int) -> list[int]:
    if len(rows) <= _FEW_ROWS:
        return [index for index, row in enumerate(rows.tolist()) if row[field] > row[than]]
    return np.flatnonzero(rows[:, field] > rows[:, than]).tolist()


def _any(warned: NDArray[np.bool_]) -> bool:
    return any(map(any, warned.tolist())) if len(warned) <= _FEW_ROWS else bool(warned.any())
