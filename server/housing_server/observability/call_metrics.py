"""Metrics of calls, by method and code."""

from collections.abc import Sequence
from functools import cache

from google.rpc.code_pb2 import OK
from prometheus_client import CollectorRegistry, Counter, Histogram

from housing_server.core.calls import CODE_NAMES, Method
from housing_server.observability.quick_metrics import counting, observing, observing_each

LATENCY_BUCKETS = (0.0002, 0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.5, 10.0)
"""Histogram buckets of latencies in seconds."""
_METHOD_LABELS = ("grpc_type", "grpc_service", "grpc_method")


class CallMetrics:
    """The metrics of calls."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._started = Counter("grpc_server_started", "Calls started.", _METHOD_LABELS, registry=registry)
        self._handled = Counter(
            "grpc_server_handled", "Calls finished, by status code.", (*_METHOD_LABELS, "grpc_code"), registry=registry
        )
        self._seconds = Histogram(
            "grpc_server_handling_seconds",
            "Time from a call's arrival in the worker to its end.",
            _METHOD_LABELS,
            buckets=LATENCY_BUCKETS,
            registry=registry,
        )
        # Looking up a metric's child by its labels takes as long as counting, so it is done once.
        self._begun = cache(lambda method: counting(self._started.labels(*method.labels)))
        self._ended = cache(
            lambda method, code: (
                counting(self._handled.labels(*method.labels, CODE_NAMES[code])),
                observing(self._seconds.labels(*method.labels)),
            )
        )

        self._succeeded = cache(
            lambda method: (
                counting(self._handled.labels(*method.labels, CODE_NAMES[OK])),
                observing_each(self._seconds.labels(*method.labels)),
            )
        )

    def call_started(self, method: Method) -> None:
        """Count a call that has arrived."""
        self._begun(method)(1.0)

    def call_ended(self, method: Method, code: int, seconds: float) -> None:
        """Count a call that has ended with a `google.rpc.Code`."""
        count, observe = self._ended(method, code)
        count(1.0)
        observe(seconds)

    def calls_succeeded(self, method: Method, seconds: Sequence[float]) -> None:
        """Count calls that have succeeded."""
        count, observe = self._succeeded(method)
        count(float(len(seconds)))
        observe(seconds)
