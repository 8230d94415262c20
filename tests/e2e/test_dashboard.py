"""The dashboards' queries, asked of a real Prometheus that watches the real service and its monitor."""

import json
from collections.abc import Iterator
from typing import Any, Protocol

import httpx
import pytest

from metric_names import names_in
from observability import Prometheus, running_prometheus
from running import ROOT, http_get, running_monitor, wait_for

BOARDS: dict[str, dict[str, Any]] = {
    path.stem: json.loads(path.read_text("utf-8")) for path in (ROOT / "monitoring/grafana/dashboards").glob("*.json")
}
QUERIES = {
    f"{name}: {panel['title']} {target['refId']}": target["expr"]
    for name, board in BOARDS.items()
    for panel in board["panels"]
    for target in panel.get("targets", ())
}
NONE_YET = {"ALERTS"}
"""What a service that is well has no series of."""

NEVER_RETRAINED = {
    "housing_champion_last_rollback_timestamp_seconds",
    "housing_retraining_error_difference_high_usd",
    "housing_retraining_error_difference_low_usd",
    "housing_retraining_error_difference_usd",
    "housing_retraining_last_duration_seconds",
    "housing_retraining_last_finished_timestamp_seconds",
    "housing_retraining_root_mean_squared_error_usd",
    "housing_retraining_stage_figure",
    "housing_retrainings_on_record",
}
"""What a service has no series of that was never retrained; test_retraining_gauges.py has one that was."""

NOT_HERE = {
    "envoy_cluster_membership_healthy",
    "housing_canary_share_ratio",
    "housing_estimate_checked_rows",
    "housing_estimate_mean_absolute_error_ratio",
}
"""What a service has no series of without a gateway in front, without a canary, and with few true prices; other tests
have services with each."""

Row = dict[str, float | str]


class RunningService(Protocol):
    """What these tests need of the service that the session runs."""

    gateway_port: int
    grpc_port: int
    metrics_port: int


def as_sent(query: str) -> str:
    """Put durations in the place of Grafana's variables."""
    return query.replace("$__range", "5m").replace("$__rate_interval", "5m")


@pytest.fixture(scope="module", name="prometheus")
def running(
    product: RunningService, census_rows: list[Row], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Prometheus]:
    """A Prometheus that looks at service and monitor, and has seen a round of calls."""
    scratch = tmp_path_factory.mktemp("watched")
    # A rise is seen from one scrape to another: this round makes all series before the first scrape.
    call_the_service(product, census_rows)
    with running_monitor(product.grpc_port, scratch / "monitor", monitor_seconds=1) as monitor:
        targets = {
            "housing": product.metrics_port,
            "housing-monitor": monitor.port,
            "housing-gateway": product.gateway_port,
        }
        with running_prometheus(scratch / "prometheus", targets) as server:
            wait_until_scraped(server, product)
            server.wait_for_rules()  # they record series of their own, whose rise is seen in the same way
            call_the_service(product, census_rows)
            wait_until_scraped(server, product)
            yield server


def call_the_service(service: RunningService, rows: list[Row]) -> list[float]:
    """Make single and batch predictions, an invalid request, and outcomes; return the prices in USD."""
    with httpx.Client(base_url=f"http://127.0.0.1:{service.gateway_port}", timeout=60) as http:
        answers = [http.post("/api/predict", json=row) for row in [*rows[:3], rows[0] | {"latitude": 0}]]
        assert [answer.status_code for answer in answers] == [200, 200, 200, 400]
        batch = http.post("/api/predict/batch", json={"block_groups": rows}).raise_for_status().json()["predictions"]
        outcomes = [{"prediction_id": each["prediction_id"], "median_house_value": 200_000} for each in batch[:10]]
        http.post("/api/outcomes", json={"outcomes": outcomes}).raise_for_status()
    return [each["median_house_value"] for each in (*(answer.json() for answer in answers[:3]), *batch)]


def wait_until_scraped(server: Prometheus, service: RunningService) -> None:
    """Wait until Prometheus knows of every call that the service has counted by now."""
    lines = http_get(f"http://127.0.0.1:{service.metrics_port}/metrics").text.splitlines()
    name = "grpc_server_handled_total"
    counted = sum(float(line.split()[-1]) for line in lines if line.startswith(f"{name}{{"))
    wait_for(lambda: True if sum(server.ask(f"sum({name})")) >= counted else None, "a scrape")


@pytest.mark.parametrize(
    "name", [name for name in QUERIES if not names_in(QUERIES[name]) <= NEVER_RETRAINED | NOT_HERE]
)
def test_query_has_data(name: str, prometheus: Prometheus) -> None:
    """Each query of each panel finds something once the service has been called, and so does each part of it."""
    prometheus.wait_for(as_sent(QUERIES[name]))
    for metric in names_in(QUERIES[name]) - NONE_YET:
        assert prometheus.ask(metric), metric


def test_figures_agree_with_the_calls(prometheus: Prometheus, product: RunningService, census_rows: list[Row]) -> None:
    """The mean is that of the answers; one call of five was the caller's mistake, and none the service's fault."""
    prices = call_the_service(product, census_rows)
    wait_until_scraped(prometheus, product)
    titles = ("Mean predicted value", "Error rate", "Callers' mistakes and refusals")
    mean, errors, mistakes = (as_sent(QUERIES[f"california-housing: {title} A"]) for title in titles)
    assert prometheus.ask(mean) == [pytest.approx(sum(prices) / len(prices))]
    assert prometheus.ask(errors) == [0]
    assert prometheus.ask(mistakes) == [pytest.approx(0.2)]
