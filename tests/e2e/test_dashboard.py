"""The dashboard's queries, asked of a real Prometheus that watches the real service."""

import json
import math
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Protocol

import httpx
import pytest
import yaml

from running import tool, wait_for

MONITORING = Path(__file__).parents[2] / "monitoring"
BOARD: dict[str, Any] = json.loads((MONITORING / "grafana" / "dashboards" / "housing.json").read_text("utf-8"))
QUERIES = {panel["title"]: target["expr"] for panel in BOARD["panels"] for target in panel["targets"]}
CALLS = "grpc_server_handled_total"
Row = dict[str, float | str]


class RunningService(Protocol):
    """What these tests need of the service that the session runs."""

    gateway_port: int
    metrics_port: int


def debian_tool(name: str) -> str:
    """Find a program of Debian's package `prometheus`."""
    return tool(name, "apt-get install prometheus")


class Prometheus:
    """A Prometheus to ask questions of."""

    def __init__(self, address: str) -> None:
        self._api = f"http://{address}/api/v1/query"

    def ask(self, query: str) -> list[float]:
        """Evaluate a query now; NaN is no data."""
        data = httpx.get(self._api, params={"query": query}).raise_for_status().json()["data"]
        values = [float(series["value"][1]) for series in data["result"]]
        return [value for value in values if not math.isnan(value)]

    def panel(self, title: str) -> list[float]:
        """Evaluate a panel's query over the last minute."""
        return self.ask(QUERIES[title].replace("$__range", "1m").replace("$__rate_interval", "1m"))


def configuration(metrics_port: int) -> str:
    """Point the committed configuration at a service on this machine, and have it look every second."""
    config = yaml.safe_load((MONITORING / "prometheus" / "prometheus.yml").read_text("utf-8"))
    config["global"] = {"scrape_interval": "1s", "scrape_timeout": "1s"}
    config["scrape_configs"] = [job for job in config["scrape_configs"] if job["job_name"] == "housing"]
    config["scrape_configs"][0]["static_configs"] = [{"targets": [f"127.0.0.1:{metrics_port}"]}]
    return yaml.safe_dump(config)


@pytest.fixture(scope="module", name="prometheus")
def running_prometheus(
    product: RunningService, census_rows: list[Row], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Prometheus]:
    """A Prometheus that scrapes the running service, and has seen a round of calls."""
    folder = tmp_path_factory.mktemp("prometheus")
    (folder / "prometheus.yml").write_text(configuration(product.metrics_port), "utf-8")
    command = [
        debian_tool("prometheus"),
        f"--config.file={folder}/prometheus.yml",
        f"--storage.tsdb.path={folder}/data",
        "--web.listen-address=127.0.0.1:0",
    ]
    log = folder / "log"
    # A rise is seen from one scrape to another: this round makes all series before the first scrape.
    call_the_service(product, census_rows)
    with log.open("wb") as output, subprocess.Popen(command, stderr=output) as process:
        try:
            found = wait_for(lambda: re.search(r'"Listening on" address=(\S+)', log.read_text("utf-8")), "its address")
            server = Prometheus(found[1])
            wait_until_scraped(server, product)
            call_the_service(product, census_rows)
            wait_until_scraped(server, product)
            yield server
        finally:
            process.terminate()


def call_the_service(service: RunningService, rows: list[Row]) -> list[float]:
    """Have three rows answered and one refused; return the three prices in USD."""
    url = f"http://127.0.0.1:{service.gateway_port}/api/predict"
    answers = [httpx.post(url, json=row) for row in [*rows[:3], rows[0] | {"latitude": 0}]]
    assert [answer.status_code for answer in answers] == [200, 200, 200, 400]
    return [answer.json()["median_house_value"] for answer in answers[:3]]


def wait_until_scraped(server: Prometheus, service: RunningService) -> None:
    """Wait until Prometheus knows of every call that the service has counted by now."""
    lines = httpx.get(f"http://127.0.0.1:{service.metrics_port}/metrics").text.splitlines()
    counted = sum(float(line.split()[-1]) for line in lines if line.startswith(f"{CALLS}{{"))
    wait_for(lambda: True if sum(server.ask(f"sum({CALLS})")) >= counted else None, "a scrape")


@pytest.mark.parametrize("title", QUERIES)
def test_panel_has_data(title: str, prometheus: Prometheus) -> None:
    """Each panel shows something once the service has been called."""
    assert any(value > 0 for value in prometheus.panel(title))


def test_figures_agree_with_the_calls(prometheus: Prometheus, product: RunningService, census_rows: list[Row]) -> None:
    """The mean is that of the answers, and one call of four was refused."""
    prices = call_the_service(product, census_rows)
    wait_until_scraped(prometheus, product)
    assert prometheus.panel("Mean predicted value") == [pytest.approx(sum(prices) / len(prices))]
    assert prometheus.panel("Error rate") == [pytest.approx(0.25)]


def test_configuration_is_valid() -> None:
    """Prometheus's own checker accepts the committed configuration."""
    command = [debian_tool("promtool"), "check", "config", str(MONITORING / "prometheus" / "prometheus.yml")]
    subprocess.run(command, check=True, capture_output=True)
