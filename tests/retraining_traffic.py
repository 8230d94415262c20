"""Requests on record for tests of replays, shadows and rollbacks, and models that answer them."""

from collections.abc import Iterable
from datetime import timedelta
from typing import Any

import numpy as np

from housing.v1.model_service_pb2 import Model as ModelDescription
from housing.v1.outcome_service_pb2 import RecordOutcomesRequest, TruePrice
from housing.v1.prediction_service_pb2 import Warning as PredictionWarning
from housing_server.core.model import Estimates, Intervals, Rows, given_labels
from housing_server.prediction_log.outcomes import record_outcomes
from housing_server.prediction_log.store import PredictionStore
from predictions_on_record import START, add, record

MODEL = "california-housing"
MINUTE_US = 60 * 1_000_000
START_US = round(START.timestamp() * 1_000_000)


class FactorModel:
    """Answers each row with a price times a factor, of the income in dollars."""

    inline = True
    interval_coverage = 0.9
    warnings = (PredictionWarning(reason="ODD"),)

    def __init__(self, factor: float, version: str = "2", fails_over: float = np.inf) -> None:
        self.description = ModelDescription(name=MODEL, version=version)
        self._factor, self._fails_over = factor, fails_over
        self.rows = 0

    def estimate(self, rows: Rows) -> Estimates:
        """Answer; rows with incomes over a limit have no finite price."""
        self.rows += len(rows)
        income = rows[:, 7]
        prices = np.where(income > self._fails_over, np.nan, income * 10_000 * self._factor)
        return Estimates(
            median_house_value=prices,
            ocean_proximity=given_labels(rows),
            interval=Intervals(bounds=np.column_stack([prices - 1, prices + 1]), upper_open=np.zeros(len(rows), bool)),
            warned=(income > 9)[:, np.newaxis],
        )


def asked(
    numbers: Iterable[int], *, version: str = "1", at_us: int | None = None, **changes: Any
) -> list[dict[str, Any]]:
    """Make records of predictions that a `FactorModel(1)` of a version has made, one a minute, or all at a time."""
    made = []
    for number in numbers:
        income = 1.0 + number % 10
        price = 10_000 * income
        values = {"median_income": income, "median_house_value": price, "model_version": version}
        values |= {"interval_lower": price * 0.8, "interval_upper": price * 1.2}
        if at_us is not None:
            values["predicted_at"] = START + timedelta(microseconds=at_us - START_US)
        made.append(record(number, **values | changes))
    return made


def ask(store: PredictionStore, *arguments: Any, **options: Any) -> list[dict[str, Any]]:
    """Put `asked(...)` on record, and return it."""
    made = asked(*arguments, **options)
    add(store, *made)
    return made


def know(store: PredictionStore, records: Iterable[dict[str, Any]], error: float, *, seed: int = 0) -> None:
    """Record true prices about which the answers on record err by about this many USD."""
    rng = np.random.default_rng(seed)
    for each in records:
        price = max(1.0, each["median_house_value"] + error * rng.normal())
        outcome = TruePrice(prediction_id=each["prediction_id"], median_house_value=price)
        record_outcomes(store, RecordOutcomesRequest(outcomes=[outcome]), now_us=each["predicted_at_us"] + 1)
