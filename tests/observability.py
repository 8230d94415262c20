"""The real Prometheus and Alertmanager for tests, with the committed configuration at a test's pace.

A test cannot wait for the ten minutes that an alert does. `hurried` divides every duration by `PACE`: the ranges that
queries look over, how long a condition must hold, how long messages are gathered. What is asked, and every threshold,
stays as it is committed.
"""

import json
import math
import re
import shutil
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import yaml

from running import ROOT, http_get, tool, wait_for

PACE = 60
"""How many times faster than committed a hurried configuration runs: a minute is a second."""

RUNBOOK = "https://example.org/runbook"
"""Where alerts say that the runbook is."""

PROMETHEUS = ROOT / "monitoring/prometheus"
ALERTMANAGER = ROOT / "monitoring/alertmanager"

_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86_400}
_DURATION = re.compile(r"(\[|\boffset |\bfor: |_wait: |_interval: )(\d+)([smhd])\b")
_ADDRESS = re.compile(r'"Listening on" address=(\S+)')


def hurried(text: str) -> str:
    """Divide the durations of a configuration: ranges and offsets of queries, and values of keys that are durations."""
    return _DURATION.sub(_divided, text)


def _divided(match: re.Match[str]) -> str:
    before, amount, unit = match.groups()
    return f"{before}{int(amount) * _SECONDS[unit] * 1000 // PACE}ms"


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """A series that a query has found over a time."""

    labels: dict[str, str]
    """Its labels."""
    times: list[float]
    """When, in seconds since 1970."""
    values: list[float]
    """What, at these times; never NaN."""


class Prometheus:
    """A running Prometheus to ask questions of."""

    def __init__(self, address: str) -> None:
        self._api = f"http://{address}/api/v1"

    def series(self, query: str) -> list[dict[str, str]]:
        """Evaluate a query now; return the labels of what it finds."""
        return [each["metric"] for each in self._ask(query)]

    def ask(self, query: str) -> list[float]:
        """Evaluate a query now; NaN is no data."""
        values = [float(each["value"][1]) for each in self._ask(query)]
        return [value for value in values if not math.isnan(value)]

    def ask_between(self, query: str, start: float, end: float, step: float) -> list[Found]:
        """Evaluate a query at many times, in seconds since 1970; NaN is no data."""
        series = self._get("query_range", query=query, start=str(start), end=str(end), step=str(step))["result"]
        points = [[(at, float(value)) for at, value in each["values"] if value != "NaN"] for each in series]
        return [
            Found(labels=each["metric"], times=[at for at, _ in known], values=[value for _, value in known])
            for each, known in zip(series, points, strict=True)
        ]

    def wait_for(self, query: str) -> list[float]:
        """Wait until a query finds something."""
        return wait_for(lambda: self.ask(query) or None, query)

    def wait_for_rules(self) -> None:
        """Wait until every rule has been evaluated on what is known by now."""
        now = datetime.now(UTC)

        def look() -> bool | None:
            groups = self._get("rules")["groups"]
            return all(datetime.fromisoformat(group["lastEvaluation"]) > now for group in groups) or None

        wait_for(look, "an evaluation of all rules")

    def _ask(self, query: str) -> list[dict[str, Any]]:
        return list(self._get("query", query=query)["result"])

    def _get(self, path: str, **parameters: str) -> Any:
        answer = http_get(f"{self._api}/{path}", params=parameters)
        assert answer.is_success, answer.text
        return answer.json()["data"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Alertmanager:
    """A running Alertmanager."""

    address: str
    """Where Prometheus tells it of alerts."""

    def silenced(self) -> set[str]:
        """Name the alerts that are not told, since another fires."""
        alerts = http_get(f"http://{self.address}/api/v2/alerts").raise_for_status().json()
        return {alert["labels"]["alertname"] for alert in alerts if alert["status"]["inhibitedBy"]}


@contextmanager
def running_prometheus(
    folder: Path, targets: dict[str, int], *, alertmanager: Alertmanager | None = None, hurry: bool = False
) -> Iterator[Prometheus]:
    """Run Prometheus with the committed configuration until the end of the block; it looks every second.

    Args:
        folder: for its files; must be empty.
        targets: the ports to look at, by the name of the job; other jobs are left out.
        alertmanager: is told of alerts.
        hurry: whether durations in the rules are divided.
    """
    (folder / "rules").mkdir(parents=True)
    for path in (PROMETHEUS / "rules").glob("*.yml"):
        text = path.read_text("utf-8")
        (folder / "rules" / path.name).write_text(hurried(text) if hurry else text, "utf-8")
    (folder / "prometheus.yml").write_text(_configuration(targets, alertmanager), "utf-8")
    command = [
        tool("prometheus", "apt-get install prometheus"),
        f"--config.file={folder}/prometheus.yml",
        f"--storage.tsdb.path={folder}/data",
        "--web.listen-address=127.0.0.1:0",
    ]
    with _running(command, folder / "log") as address:
        yield Prometheus(address)


def _configuration(targets: dict[str, int], alertmanager: Alertmanager | None) -> str:
    config = yaml.safe_load((PROMETHEUS / "prometheus.yml").read_text("utf-8"))
    assert set(targets) <= {job["job_name"] for job in config["scrape_configs"]}
    config["global"] |= {"scrape_interval": "1s", "scrape_timeout": "1s", "evaluation_interval": "1s"}
    (label,) = config["global"]["external_labels"]
    config["global"]["external_labels"] = {label: RUNBOOK}  # older versions put in no variables by themselves
    config["scrape_configs"] = [
        without_tls(job) | {"static_configs": [{"targets": [f"127.0.0.1:{targets[job['job_name']]}"]}]}
        for job in config["scrape_configs"]
        if job["job_name"] in targets
    ]
    told = [alertmanager.address] if alertmanager else []
    config["alerting"]["alertmanagers"][0]["static_configs"][0]["targets"] = told
    return yaml.safe_dump(config)


def without_tls(job: dict[str, Any]) -> dict[str, Any]:
    """Return a job of Prometheus for services without certificates."""
    return {name: value for name, value in job.items() if name not in {"scheme", "tls_config"}}


@contextmanager
def running_alertmanager(folder: Path, webhook: str) -> Iterator[Alertmanager]:
    """Run Alertmanager, hurried, as containers start it, until the end of the block.

    Args:
        folder: for its files; must be empty.
        webhook: address of who is told of alerts.
    """
    tool("prometheus-alertmanager", "apt-get install prometheus-alertmanager")
    folder.mkdir(parents=True, exist_ok=True)
    shutil.copy(ALERTMANAGER / "start.sh", folder)
    (folder / "alertmanager.yml").write_text(hurried((ALERTMANAGER / "alertmanager.yml").read_text("utf-8")), "utf-8")
    (folder / "webhook").write_text(webhook, "utf-8")
    command = [
        "env",
        f"HOUSING_ALERT_WEBHOOK_FILE={folder}/webhook",
        str(folder / "start.sh"),
        f"--storage.path={folder}/data",
        "--web.listen-address=127.0.0.1:0",
        "--cluster.listen-address=",
    ]
    with _running(command, folder / "log") as address:
        yield Alertmanager(address=address)


@contextmanager
def _running(command: list[str], log: Path) -> Iterator[str]:
    """Run a program until the end of the block; yield the address that it says it listens on."""
    with log.open("wb") as output, subprocess.Popen(command, stderr=output) as process:
        try:
            yield wait_for(lambda: _ADDRESS.search(log.read_text("utf-8")), f"the address of {command}")[1]
        finally:
            process.terminate()


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """What a receiver was told of one alert."""

    receiver: str
    """For whom the message was."""
    status: str
    """`firing` or `resolved`."""
    labels: dict[str, str]
    """Of the alert."""
    annotations: dict[str, str]
    """Of the alert."""


class Receiver:
    """Somebody who is told of alerts, over HTTP: `with Receiver() as receiver`."""

    def __init__(self) -> None:
        self._notices: list[Notice] = []
        notices = self._notices

        class Handler(BaseHTTPRequestHandler):
            """Takes note of what is posted."""

            def do_POST(self) -> None:
                """Record a message from Alertmanager."""
                message = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                notices.extend(
                    Notice(
                        receiver=message["receiver"],
                        status=alert["status"],
                        labels=alert["labels"],
                        annotations=alert["annotations"],
                    )
                    for alert in message["alerts"]
                )
                self.send_response(204)
                self.end_headers()

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class names it so
                """Log nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)

    @property
    def address(self) -> str:
        """Where messages are to be sent."""
        return f"http://127.0.0.1:{self._server.server_port}/"

    @property
    def alerts(self) -> set[str]:
        """The names of all alerts it was told of."""
        return {notice.labels["alertname"] for notice in list(self._notices)}

    def wait_for(self, alert: str, status: str = "firing", **labels: str) -> Notice:
        """Wait until it is told of an alert with these labels."""
        wanted = {"alertname": alert, **labels}

        def look() -> Notice | None:
            notices = (each for each in list(self._notices) if each.status == status)
            return next((each for each in notices if wanted.items() <= each.labels.items()), None)

        return wait_for(look, f"{status} {wanted}")

    def __enter__(self) -> "Receiver":
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()
        return self

    def __exit__(self, *details: object) -> None:
        self._server.shutdown()
        self._server.server_close()
