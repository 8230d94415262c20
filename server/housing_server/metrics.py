"""What a worker counts. Values live in memory-mapped files that the supervisor reads, so no scrape asks a worker."""

import numpy as np
from grpc import StatusCode
from numpy.typing import NDArray
from prometheus_client import CollectorRegistry, Counter, Histogram, values

from housing.contract import FEATURES
from housing.v1.model_service_pb2 import Model as ModelDescription
from housing_server.calls import Method
from housing_server.errors import InvalidRequest
from housing_server.models import Estimates

_LATENCY_BUCKETS = (0.0002, 0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.5, 10.0)
_INFERENCE_BUCKETS = (0.00005, 0.0001, 0.0002, 0.0005, 0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1.0)
_PRICE_BUCKETS = tuple(float(price) for price in range(50_000, 550_000, 50_000))
_ROW_BUCKETS = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000, 2_000, 5_000, 10_000)
_MANY = 16
"""From so many rows on it is quicker to count them together."""
_METHOD_LABELS = ("grpc_type", "grpc_service", "grpc_method")

_LABELS = (*next(feature.choices for feature in FEATURES if feature.name == "ocean_proximity"), "unknown")
"""By ocean proximity code; the last, found by code -1, stands for rows without a label."""


def count_as_worker(slot: int) -> None:
    """Make the metrics of this process continue those of the worker that had the slot before.

    By default each process id has files of its own: dead workers' files would pile up, and deleting them would make
    counters run backwards. Must be called before metrics are made.
    """
    # MultiProcessValue has no annotations, though this use of it is documented.
    values.ValueClass = values.MultiProcessValue(process_identifier=lambda: slot)  # type: ignore[no-untyped-call]


class WorkerMetrics:
    """The metrics of one worker: requests by method and code, predictions, refusals."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._started = Counter("grpc_server_started", "Calls begun.", _METHOD_LABELS, registry=registry)
        self._handled = Counter(
            "grpc_server_handled", "Calls ended, by status code.", (*_METHOD_LABELS, "grpc_code"), registry=registry
        )
        self._seconds = Histogram(
            "grpc_server_handling_seconds",
            "Time from a call's arrival in the worker to its end.",
            _METHOD_LABELS,
            buckets=_LATENCY_BUCKETS,
            registry=registry,
        )
        self._predictions = Counter(
            "housing_predictions", "Block groups answered.", ("model_version",), registry=registry
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
        self._prices_by_code = [self._prices.labels(label) for label in _LABELS]

    def call_started(self, method: Method) -> None:
        """Count a call that has arrived."""
        self._started.labels(*method.labels).inc()

    def call_ended(self, method: Method, code: StatusCode, seconds: float) -> None:
        """Count a call that has ended."""
        self._handled.labels(*method.labels, code.name).inc()
        self._seconds.labels(*method.labels).observe(seconds)

    def predicted(self, model: ModelDescription, estimates: Estimates, seconds: float) -> None:
        """Count the rows of one run of the model, and where and how high they are."""
        self._inference.observe(seconds)
        self._rows.observe(len(estimates.median_house_value))
        self._predictions.labels(model.version).inc(len(estimates.median_house_value))
        prices, codes = estimates.median_house_value, estimates.ocean_proximity
        if len(prices) < _MANY:
            for price, code in zip(prices.tolist(), codes.tolist(), strict=True):
                self._prices_by_code[code].observe(price)
        else:
            for code in set(codes.tolist()):
                _observe_all(self._prices_by_code[code], prices[codes == code])

    def refused(self, error: InvalidRequest) -> None:
        """Count the rules that a refused request breaks."""
        for violation in error.violations:
            self._failures.labels(violation.field.rpartition(".")[2], violation.rule).inc()


def _observe_all(histogram: Histogram, values: NDArray[np.float64]) -> None:
    """Observe many values: one call for each, all that prometheus-client has, would cost as much as the inference."""
    # pylint: disable=protected-access  # for which there is no public way
    buckets = np.searchsorted(histogram._upper_bounds, values, side="left")
    for bucket, count in zip(*np.unique(buckets, return_counts=True), strict=True):
        histogram._buckets[bucket].inc(float(count))
    histogram._sum.inc(float(values.sum()))
