"""Metrics of denials, by service and reason."""

from prometheus_client import CollectorRegistry, Counter

from housing_server.core.calls import Method
from housing_server.core.status import reason_of_error
from housing_server.errors import RequestError


class AccessMetrics:
    """Counts calls that were not admitted."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._denials = Counter(
            "housing_access_denials",
            "Calls denied for their credentials, or for the limits of their key.",
            ("grpc_service", "reason"),
            registry=registry,
        )

    def denied(self, method: Method, error: RequestError) -> None:
        """Count a call that was not admitted."""
        self._denials.labels(method.service, reason_of_error(type(error)).name).inc()
