"""The metrics of the recorder."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from housing_server.prediction_log.drainer import Backlog
from housing_server.prediction_log.store import StoreSize

_COMMIT_BUCKETS = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 5.0, 30.0)


class RecorderMetrics:
    """Metrics of the prediction log's store."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._rows = Counter("housing_prediction_log_rows", "Predictions written to the store.", registry=registry)
        self._commits = Histogram(
            "housing_prediction_log_commit_seconds",
            "Time of a transaction that writes predictions to the store.",
            buckets=_COMMIT_BUCKETS,
            registry=registry,
        )
        self._failures = Counter(
            "housing_prediction_log_failures",
            "Failed writes to the store, and damaged journal lines.",
            ("stage",),
            registry=registry,
        )
        self._outcomes = Counter("housing_outcomes", "True prices received, by result.", ("result",), registry=registry)
        self._up = _gauge("store_up", "Whether the last write to the store succeeded.", registry)
        self._backlog_rows = _gauge("backlog_rows", "Predictions not in the store yet; estimated.", registry)
        self._backlog_bytes = _gauge("backlog_bytes", "Size of these, in bytes.", registry)
        self._size_bytes = _gauge("size_bytes", "Size of the store, in bytes.", registry)
        self._stored_rows = _gauge("stored_rows", "Predictions in the store.", registry)
        for stage in ("store", "journal"):
            self._failures.labels(stage)
        for result in ("recorded", "unchanged", "revised", "late", "unknown"):
            self._outcomes.labels(result)

    def committed(self, rows: int, seconds: float) -> None:
        """Count a transaction that wrote this many new rows."""
        self._rows.inc(rows)
        self._commits.observe(seconds)

    def failed(self, stage: str) -> None:
        """Count a failed write to the `store`, or a damaged line of a `journal`."""
        self._failures.labels(stage).inc()

    def outcomes(self, result: str, count: int) -> None:
        """Count true prices, by result."""
        self._outcomes.labels(result).inc(count)

    def measured(self, *, up: bool, backlog: Backlog) -> None:
        """Set the state of the store, and its backlog."""
        self._up.set(up)
        self._backlog_rows.set(backlog.rows)
        self._backlog_bytes.set(backlog.size_bytes)

    def sized(self, size: StoreSize) -> None:
        """Set the size of the store."""
        self._size_bytes.set(size.size_bytes)
        self._stored_rows.set(size.rows)


def _gauge(name: str, help_text: str, registry: CollectorRegistry) -> Gauge:
    return Gauge(f"housing_prediction_log_{name}", help_text, multiprocess_mode="livemostrecent", registry=registry)
