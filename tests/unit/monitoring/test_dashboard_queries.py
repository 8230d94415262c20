"""The dashboard's file, its queries, and the names they rest on."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import promql_parser
import pytest
import yaml
from prometheus_client import CollectorRegistry

from housing_monitoring import dashboard
from housing_server.metrics import WorkerMetrics
from housing_server.service_metrics import ServiceCollector
from housing_server.service_state import ServiceState

MONITORING = Path(__file__).parents[3] / "monitoring"
BOARD: dict[str, Any] = json.loads(dashboard.to_json(dashboard.build()))
QUERIES = {panel["title"]: target["expr"] for panel in BOARD["panels"] for target in panel["targets"]}
SUFFIXES = {"counter": ("_total",), "gauge": ("",), "info": ("_info",), "histogram": ("_bucket", "_sum", "_count")}


def parse(query: str) -> promql_parser.Expr:
    """Parse a query as Grafana sends it: with durations in the place of its variables."""
    return promql_parser.parse(query.replace("$__range", "1h").replace("$__rate_interval", "1m"))


def selectors(query: str) -> Iterator[promql_parser.VectorSelector]:
    """Find the selectors of a query."""
    found: list[promql_parser.Expr] = []
    promql_parser.walk(parse(query), found.append)
    return (node for node in found if isinstance(node, promql_parser.VectorSelector))


def exported_names(state_dir: Path) -> set[str]:
    """Name every series that a service with no calls and no model could ever show."""
    registry = CollectorRegistry()
    WorkerMetrics(registry)
    registry.register(ServiceCollector(ServiceState([], state_dir)))
    return {family.name + suffix for family in registry.collect() for suffix in SUFFIXES[family.type]}


def test_file_is_what_the_code_builds() -> None:
    """The JSON that Grafana reads was written by the code as it is now."""
    committed = (MONITORING / "grafana" / "dashboards" / "housing.json").read_text("utf-8")
    assert committed == dashboard.to_json(dashboard.build()), "run python -m housing_monitoring.dashboard"


def test_shows_the_eight_panels() -> None:
    """Each thing to watch has its panel, and each panel says what it shows."""
    assert [panel["title"] for panel in BOARD["panels"]] == [
        "Prediction volume",
        "Mean predicted value",
        "p95 response time",
        "Error rate",
        "Predictions over time",
        "Predicted values through time",
        "Predicted value distribution",
        "Geography",
    ]
    assert all(panel["description"] for panel in BOARD["panels"])


def test_panels_do_not_overlap() -> None:
    """No two panels cover the same cell of Grafana's grid, and none leaves its 24 columns."""
    cells = [
        (x, y)
        for place in (panel["gridPos"] for panel in BOARD["panels"])
        for x in range(place["x"], place["x"] + place["w"])
        for y in range(place["y"], place["y"] + place["h"])
    ]
    assert len(cells) == len(set(cells))
    assert max(x for x, _ in cells) < 24


@pytest.mark.parametrize("title", QUERIES)
def test_query_asks_for_exported_metrics(title: str, tmp_path: Path) -> None:
    """Each query is valid PromQL and names only metrics that the service has."""
    names = {selector.name for selector in selectors(QUERIES[title])}
    assert names
    assert names <= exported_names(tmp_path)


def test_data_source_is_provisioned() -> None:
    """Panels ask the data source that Grafana is provisioned with, which knows how often Prometheus scrapes."""
    provisioned = yaml.safe_load((MONITORING / "grafana/provisioning/datasources/prometheus.yaml").read_text("utf-8"))
    scraping = yaml.safe_load((MONITORING / "prometheus/prometheus.yml").read_text("utf-8"))
    source = cast("dict[str, Any]", provisioned["datasources"][0])
    asked = {panel["datasource"]["uid"] for panel in BOARD["panels"]}
    assert asked == {source["uid"]}
    assert source["jsonData"]["timeInterval"] == scraping["global"]["scrape_interval"]
