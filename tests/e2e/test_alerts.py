"""Alerts from their cause to who is told: the real server, gateway, monitor, Prometheus and Alertmanager."""

import signal
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from observability import RUNBOOK, Alertmanager, Prometheus, Receiver, running_alertmanager, running_prometheus
from running import Gateway, Service, gateway_command, running_monitor, running_service, wait_for

WINDOW = 1000
"""How many predictions the monitor compares: as many as a test asks for, so that none of another is among them."""

MONITORING = {"drift_window_rows": WINDOW, "monitor_seconds": 1}

Row = dict[str, float | str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Watched:
    """A service of its own, which may be broken, and who watches it."""

    service: Service
    """The server."""
    gateway: Gateway
    """The gateway before it."""
    state_dir: Path
    """Its state folder."""
    registry: Path
    """The state folder with its registry."""
    http: httpx.Client
    """JSON through the gateway."""
    prometheus: Prometheus
    """Prometheus, which looks at server and monitor."""
    alertmanager: Alertmanager
    """Alertmanager, which Prometheus tells of alerts."""
    receiver: Receiver
    """Who is told of them in the end."""

    def ask(self, rows: list[Row]) -> list[dict[str, Any]]:
        """Predict a batch; return the predictions."""
        answer = self.http.post("/api/predict/batch", json={"block_groups": rows})
        assert answer.is_success, answer.text
        return list(answer.json()["predictions"])


@pytest.fixture(scope="module", name="watched")
def watched_service(state_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Watched]:
    """The champion, served with a state folder of its own, its gateway, its monitor, and those who watch both."""
    scratch = tmp_path_factory.mktemp("watched")
    with ExitStack() as stack:
        service = stack.enter_context(running_service(scratch / "var", registry=state_dir))
        gateway = stack.enter_context(gateway_command(service, scratch / "gateway"))
        monitor = stack.enter_context(running_monitor(service.grpc_port, scratch / "monitor", **MONITORING))
        receiver = stack.enter_context(Receiver())
        alertmanager = stack.enter_context(running_alertmanager(scratch / "alertmanager", receiver.address))
        targets = {
            "housing": service.metrics_port,
            "housing-monitor": monitor.port,
            "housing-gateway": gateway.port,
        }
        prometheus = stack.enter_context(
            running_prometheus(scratch / "prometheus", targets, alertmanager=alertmanager, hurry=True)
        )
        http = stack.enter_context(httpx.Client(base_url=f"http://127.0.0.1:{gateway.port}", timeout=60))
        yield Watched(
            service=service,
            gateway=gateway,
            state_dir=scratch / "var",
            registry=state_dir,
            http=http,
            prometheus=prometheus,
            alertmanager=alertmanager,
            receiver=receiver,
        )


def test_traffic_like_training_raises_no_drift(watched: Watched, census_rows: list[Row]) -> None:
    """A thousand rows held out are compared, and no alert for drift fires, nor is about to."""
    watched.ask(census_rows)
    wait_for(lambda: watched.prometheus.ask("housing_drift_window_rows") == [WINDOW] or None, "a full window")
    watched.prometheus.wait_for_rules()
    assert watched.prometheus.series('ALERTS{alertname="ModelDrift"}') == []
    assert "ModelDrift" not in watched.receiver.alerts


def test_shifted_incomes_raise_drift(watched: Watched, census_rows: list[Row]) -> None:
    """Incomes half as high again are told as drift, of that field, to those who get tickets."""
    watched.ask([row | {"median_income": min(float(row["median_income"]) * 1.5, 15.0)} for row in census_rows])
    notice = watched.receiver.wait_for("ModelDrift", feature="median_income")
    assert notice.receiver == "tickets"
    assert notice.annotations["runbook_url"] == f"{RUNBOOK}#modeldrift"
    drifted = {series["feature"] for series in watched.prometheus.series('ALERTS{alertname="ModelDrift"}')}
    assert drifted <= {"median_income", "median_house_value"}


def test_bad_outcomes_raise_live_errors(watched: Watched, census_rows: list[Row]) -> None:
    """True prices far from the answers, and from their intervals, are told."""
    outcomes = [
        {"prediction_id": each["prediction_id"], "median_house_value": each["median_house_value"] + 400_000}
        for each in watched.ask(census_rows)
    ]
    answer = watched.http.post("/api/outcomes", json={"outcomes": outcomes})
    assert {each["result"] for each in answer.json()["outcomes"]} == {"OUTCOME_RESULT_RECORDED"}
    for alert in ("LiveErrorAboveTraining", "IntervalCoverageBelowTarget"):
        assert watched.receiver.wait_for(alert).receiver == "tickets"


def test_stopped_gateway_pages(watched: Watched) -> None:
    """A gateway that has gone is told as such: the server cannot know of calls that do not reach it."""
    watched.gateway.command.send(signal.SIGTERM)
    notice = watched.receiver.wait_for("GatewayDown")
    assert notice.receiver == "pages"
    assert notice.annotations["runbook_url"] == f"{RUNBOOK}#gatewaydown"


def test_killed_server_pages_and_silences_the_rest(watched: Watched) -> None:
    """Kill it, and a page comes, while other alerts are held back; start it again, and the page is resolved."""
    watched.service.command.send(signal.SIGKILL)
    notice = watched.receiver.wait_for("ServerDown")
    assert notice.receiver == "pages"
    assert notice.annotations["runbook_url"] == f"{RUNBOOK}#serverdown"
    wait_for(lambda: "LiveErrorAboveTraining" in watched.alertmanager.silenced() or None, "an alert held back")
    ports = {"grpc_port": watched.service.grpc_port, "metrics_port": watched.service.metrics_port}
    with running_service(watched.state_dir, registry=watched.registry, **ports):
        watched.receiver.wait_for("ServerDown", status="resolved")
