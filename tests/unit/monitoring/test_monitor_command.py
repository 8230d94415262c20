"""`housing monitor`: what it says when it cannot start."""

import socket
import urllib.request
from contextlib import ExitStack

from click.testing import CliRunner
from prometheus_client import CollectorRegistry, Gauge

from housing.http_server import MAX_CONNECTIONS
from housing_monitoring.monitor_command import monitor, served_metrics
from housing_monitoring.settings import MonitorSettings


def test_a_bad_setting_is_one_line() -> None:
    """The line names the variable."""
    result = CliRunner().invoke(monitor, env={"HOUSING_MONITOR_SECONDS": "0"})
    assert result.exit_code == 1
    assert "HOUSING_MONITOR_SECONDS: Input should be greater than 0" in result.stderr


def test_a_port_in_use_is_one_line() -> None:
    """The line names the port and what moves it."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        result = CliRunner().invoke(monitor, env={"HOUSING_MONITOR_PORT": str(port)})
    assert result.exit_code == 1
    assert f"port {port} of 127.0.0.1 is not available: set HOUSING_MONITOR_PORT to another" in result.stderr


def test_a_scrape_gets_through_a_crowd_of_silent_clients() -> None:
    """Connections are bounded, and the one that has been idle for longest makes room."""
    registry = CollectorRegistry()
    Gauge("answer", "A gauge.", registry=registry).set(42)
    with served_metrics(MonitorSettings(monitor_port=0), registry) as port, ExitStack() as crowd:
        for _ in range(MAX_CONNECTIONS + 8):
            crowd.enter_context(socket.create_connection(("127.0.0.1", port)))
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics") as response:
            assert b"answer 42.0" in response.read()
