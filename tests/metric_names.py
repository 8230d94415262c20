"""The names of metrics: those that PromQL asks for, and those that there are."""

import asyncio
import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import promql_parser
import structlog
import yaml
from prometheus_client import CollectorRegistry

from housing.v1.model_service_pb2 import Model
from housing_monitoring.inspection import Inspector
from housing_monitoring.monitor import Monitor
from housing_monitoring.results import ResultsFile
from housing_monitoring.retraining_gauges import RetrainingCollector
from housing_monitoring.window import Window
from housing_server.observability.access_metrics import AccessMetrics
from housing_server.observability.log_metrics import count_dropped_lines
from housing_server.observability.logs import LineBuffer
from housing_server.observability.metrics import WorkerMetrics
from housing_server.observability.recorder_metrics import RecorderMetrics
from housing_server.supervision.metrics import ServiceCollector
from housing_server.supervision.state import ServiceState
from running import ROOT
from unit.monitoring.records import RECORDS
from unit.monitoring.watched import NOW, FakeService, predictions

RULES = ROOT / "monitoring/prometheus/rules"
"""The folder of Prometheus' rules."""

FROM_PROMETHEUS = {"up", "scrape_duration_seconds", "ALERTS"}
"""What Prometheus makes itself."""

FROM_ENVOY = {
    "envoy_cluster_membership_healthy",
    "envoy_cluster_membership_total",
    "envoy_cluster_upstream_cx_active",
    "envoy_cluster_upstream_rq_retry",
    "envoy_cluster_upstream_rq_time_bucket",
    "envoy_cluster_upstream_rq_time_count",
    "envoy_cluster_upstream_rq_time_sum",
    "envoy_http_downstream_cx_active",
    "envoy_http_downstream_rq_active",
    "envoy_http_downstream_rq_time_bucket",
    "envoy_http_downstream_rq_time_count",
    "envoy_http_downstream_rq_time_sum",
    "envoy_http_downstream_rq_total",
    "envoy_http_downstream_rq_xx",
    "envoy_http_lua_errors",
    "envoy_overload_envoy_overload_actions_stop_accepting_requests_active",
    "envoy_overload_envoy_resource_monitors_fixed_heap_pressure",
    "envoy_server_live",
    "envoy_server_memory_heap_size",
    "envoy_server_memory_physical_size",
    "envoy_server_uptime",
}
"""What the gateway shows at /gateway/metrics."""

_SUFFIXES = {"counter": ("_total",), "gauge": ("",), "info": ("_info",), "histogram": ("_bucket", "_sum", "_count")}


def rules() -> list[dict[str, Any]]:
    """Read all rules."""
    files = [yaml.safe_load(path.read_text("utf-8")) for path in sorted(RULES.glob("*.yml"))]
    return [rule for file in files for group in file["groups"] for rule in group["rules"]]


def names_in(query: str) -> set[str]:
    """Name the metrics that a query asks for; Grafana's variables may stand for durations in it."""
    return {str(selector.name) for selector in selectors(query)}


def selectors(query: str) -> Iterator[promql_parser.VectorSelector]:
    """Find the selectors of a query."""
    found: list[promql_parser.Expr] = []
    # Once it is sent there are durations in the place of Grafana's variables.
    sent = query.replace("$__range", "1h").replace("$__rate_interval", "1m")
    promql_parser.walk(promql_parser.parse(sent), found.append)
    return (node for node in found if isinstance(node, promql_parser.VectorSelector))


def known_names(scratch: Path) -> set[str]:
    """Name every series that there can ever be: of service, monitor, gateway, Prometheus and its rules."""
    recorded = {rule["record"] for rule in rules() if "record" in rule}
    return _exported(_service(scratch)) | _exported(_monitor(scratch)) | recorded | FROM_PROMETHEUS | FROM_ENVOY


def kinds_of_metrics(scratch: Path) -> Iterator[tuple[str, str]]:
    """Name the metrics of service and monitor, each with its kind."""
    for registry in (_service(scratch), _monitor(scratch)):
        for family in registry.collect():
            yield family.name + {"counter": "_total", "info": "_info"}.get(family.type, ""), family.type


def _exported(registry: CollectorRegistry) -> set[str]:
    return {family.name + suffix for family in registry.collect() for suffix in _SUFFIXES[family.type]}


def _service(state_dir: Path) -> CollectorRegistry:
    registry = CollectorRegistry()
    WorkerMetrics(registry)
    RecorderMetrics(registry)
    AccessMetrics(registry)
    count_dropped_lines(LineBuffer(io.BytesIO()), "worker-0", registry)
    state = ServiceState([], state_dir)
    state.model = Model(name="california-housing", version="1")
    registry.register(ServiceCollector(state))
    return registry


def _monitor(state_dir: Path) -> CollectorRegistry:
    inspector = Inspector(FakeService(predictions(9)), Window(rows=9, seconds=9), minimum_rows=1, now=lambda: NOW)
    file, registry = ResultsFile(state_dir), CollectorRegistry()
    file.write(asyncio.run(inspector.check()))
    Monitor(inspector.check, file, structlog.get_logger()).register(registry)
    retrainings = RetrainingCollector()
    retrainings.records = RECORDS
    registry.register(retrainings)
    return registry
