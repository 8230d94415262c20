"""The metrics of a worker. Values live in memory-mapped files that the supervisor reads, so scrapes skip workers."""

from functools import cache

import numpy as np
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from housing.features import FEATURES
from housing_server.core.answers import Answers
from housing_server.core.callers import RunTimes
from housing_server.errors import InvalidRequest, ModelFailed
from housing_server.observability.call_metrics import LATENCY_BUCKETS, CallMetrics
from housing_server.observability.quick_metrics import counting, observing, observing_many

_INFERENCE_BUCKETS = (0.00005, 0.0001, 0.0002, 0.0005, 0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1.0)
_APPEND_BUCKETS = (0.00001, 0.00002, 0.00005, 0.0001, 0.0002, 0.0005, 0.001, 0.005, 0.01, 0.05, 0.1, 0.5)
_PRICE_BUCKETS = tuple(float(price) for price in range(50_000, 550_000, 50_000))
_ROW_BUCKETS = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000, 2_000, 5_000, 10_000)
_MANY = 16
"""From this many rows on it is faster to count them together."""

_LABELS = (*next(feature.choices for feature in FEATURES if feature.name == "ocean_proximity"), "unknown")
"""By ocean proximity code; the last, at index -1, stands for rows without a label."""


class WorkerMetrics(CallMetrics):
    """The metrics of one worker: requests by method and code, predictions, refusals."""

    def __init__(self, registry: CollectorRegistry) -> None:
        super().__init__(registry)
        self._predictions = Counter(
            "housing_predictions", "Block groups predicted.", ("model_version",), registry=registry
        )
        self._prices = Histogram(
            "housing_predicted_value_usd",
            "Predicted median house values, by the label given or derived from the coordinates.",
            ("ocean_proximity",),
            buckets=_PRICE_BUCKETS,
            registry=registry,
        )
        self._rows = Histogram(
            "housing_batch_rows", "Block groups in one run of the model.", buckets=_ROW_BUCKETS, registry=registry
        )
        self._inference = Histogram(
            "housing_inference_seconds", "Time of one run of the model.", buckets=_INFERENCE_BUCKETS, registry=registry
        )
        self._failures = Counter(
            "housing_validation_failures", "Rules broken by requests.", ("field", "rule"), registry=registry
        )
        self._model_failures = Counter(
            "housing_model_failures", "Block groups on which the model failed.", registry=registry
        )
        self._canary_failures = Counter(
            "housing_canary_failures",
            "Block groups on which the canary failed, and which the served model has answered.",
            ("model_version",),
            registry=registry,
        )
        self._queue = Histogram(
            "housing_queue_seconds",
            "Time from the arrival of a run's first row to its start.",
            buckets=LATENCY_BUCKETS,
            registry=registry,
        )
        self._append = Histogram(
            "housing_prediction_log_append_seconds",
            "Time to record the answers of a run, before any of them is returned.",
            buckets=_APPEND_BUCKETS,
            registry=registry,
        )
        self._rows_in_flight = Gauge(
            "housing_rows_in_flight",
            "Block groups of calls in flight.",
            multiprocess_mode="livesum",
            registry=registry,
        )
        self._not_admitted = Counter(
            "housing_admission_refusals", "Calls refused by admission control.", ("reason",), registry=registry
        )
        for reason in ("rows", "queue", "deadline"):
            self._not_admitted.labels(reason)
        # Looking up a metric's child by its labels takes as long as counting, so it is done once.
        self._answered = cache(lambda version: counting(self._predictions.labels(version)))
        children = [self._prices.labels(label) for label in _LABELS]
        self._observe_price = [observing(child) for child in children]
        self._observe_prices = observing_many(children)
        self._observe_queue = observing(self._queue)
        self._observe_inference = observing(self._inference)
        self._observe_append = observing(self._append)
        self._observe_rows = observing(self._rows)

    def rows_in_flight(self, rows: int) -> None:
        """Set the number of rows in flight."""
        self._rows_in_flight.set(rows)

    def not_admitted(self, reason: str) -> None:
        """Count a call that admission control refused."""
        self._not_admitted.labels(reason).inc()

    def predicted(self, answers: Answers, times: RunTimes) -> None:
        """Count the rows of one run of the model, with the run's phases and their prices by label."""
        estimates, count = answers.estimates, len(answers.rows)
        self._observe_queue(times.queue)
        self._observe_inference(times.inference)
        self._observe_append(times.append)
        self._observe_rows(count)
        self._answered(answers.model.description.version)(count)
        prices, codes = estimates.median_house_value, estimates.ocean_proximity
        if len(prices) < _MANY:
            for price, code in zip(prices.tolist(), codes.tolist(), strict=True):
                self._observe_price[code](price)
        else:
            self._observe_prices(np.where(codes < 0, len(_LABELS) - 1, codes), prices)

    def refused(self, error: InvalidRequest, times: int = 1) -> None:
        """Count the violations listed in refused requests, or in parts of one."""
        for violation in error.violations:
            self._failures.labels(violation.field.rpartition(".")[2], violation.rule).inc(times)

    def failed(self, _error: ModelFailed, rows: int) -> None:
        """Count rows on which the model failed; the cause is in the log."""
        self._model_failures.inc(rows)

    def canary_failed(self, model_version: str, rows: int) -> None:
        """Count rows on which the canary failed, and which the served model has answered."""
        self._canary_failures.labels(model_version).inc(rows)
