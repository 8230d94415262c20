"""The side port over real HTTP."""

import re
import socket
import threading
from collections.abc import Iterator
from contextlib import ExitStack

import httpx
import pytest
import structlog
from prometheus_client import CollectorRegistry, Counter

from housing.http_server import MAX_CONNECTIONS, Connections
from housing_server.errors import PortInUse
from housing_server.supervision.side_port import SidePort
from running import has_ipv6


class Readiness:
    """A service that is ready when a test says so."""

    ready = False


@pytest.fixture
def readiness() -> Readiness:
    """A service that is not ready yet."""
    return Readiness()


@pytest.fixture
def client(readiness: Readiness) -> Iterator[httpx.Client]:
    """A client of a side port with one metric."""
    registry = CollectorRegistry()
    Counter("things", "Things.", registry=registry).inc(3)
    with (
        SidePort("127.0.0.1", 0, registry, structlog.get_logger(), ready=lambda: readiness.ready) as side_port,
        httpx.Client(base_url=f"http://127.0.0.1:{side_port.port}", timeout=60) as opened,
    ):
        yield opened


@pytest.mark.parametrize(("host", "status"), [("localhost:9", 200), ("[::1]", 200), ("rebound.example", 421)])
def test_pages_of_other_hosts_read_no_metrics(client: httpx.Client, host: str, status: int) -> None:
    """A name that a web page has had resolved to this machine is not one of it."""
    answer = client.get("/metrics", headers={"host": host})
    assert (answer.status_code, "things_total" in answer.text) == (status, status == 200)


def test_readiness_follows_the_service(client: httpx.Client, readiness: Readiness) -> None:
    """Alive is not ready: /readyz is 503 until predictions are answered."""
    assert (client.get("/healthz").status_code, client.get("/readyz").status_code) == (200, 503)
    readiness.ready = True
    assert client.get("/readyz").status_code == 200


def test_metrics_come_as_text_or_as_openmetrics(client: httpx.Client) -> None:
    """Prometheus asks for OpenMetrics, people with curl get text."""
    assert "things_total 3.0" in client.get("/metrics").text
    answer = client.get("/metrics", headers={"accept": "application/openmetrics-text; version=1.0.0"})
    assert answer.headers["content-type"].startswith("application/openmetrics-text")
    assert answer.text.endswith("# EOF\n")


def test_index_names_what_is_there(client: httpx.Client) -> None:
    """The pages are served by the gateway, whatever happens to the supervisor."""
    assert {"/metrics", "/healthz", "/readyz"} <= set(re.findall(r"/\w+", client.get("/").text))


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [("GET", "/x", 404), ("POST", "/", 405), ("POST", "/metrics", 405), ("HEAD", "/x", 404)],
)
def test_anything_else_is_refused(client: httpx.Client, method: str, path: str, status: int) -> None:
    """Unknown paths are 404, methods that would change something 405."""
    assert client.request(method, path).status_code == status


def test_head_tells_length_without_a_body(client: httpx.Client) -> None:
    """Load balancers may ask for the head alone."""
    answer = client.head("/")
    assert (answer.status_code, answer.content) == (200, b"")
    assert int(answer.headers["content-length"]) == len(client.get("/").content)


def test_taken_port_is_an_error_that_names_the_setting(client: httpx.Client) -> None:
    """Two services cannot have the same side port."""
    port = client.base_url.port
    assert port is not None
    with pytest.raises(PortInUse, match=f"{port}.*HOUSING_METRICS_PORT"):
        SidePort("127.0.0.1", port, CollectorRegistry(), structlog.get_logger(), ready=lambda: True)


def test_crowd_of_silent_connections_keeps_nobody_out(client: httpx.Client, readiness: Readiness) -> None:
    """Those that have been idle for longest make room; files and threads stay few."""
    readiness.ready = True
    port = client.base_url.port
    assert port is not None
    with ExitStack() as crowd:
        for _ in range(4 * MAX_CONNECTIONS):
            crowd.enter_context(socket.create_connection(("127.0.0.1", port)))
        assert client.get("/readyz").status_code == 200
        assert client.get("/metrics").status_code == 200
        assert sum(thread.name.startswith("Thread-") for thread in threading.enumerate()) <= 2 * MAX_CONNECTIONS


def test_connection_ends_when_its_time_is_up() -> None:
    """Not even one that sends a byte now and then lasts for long."""
    connections = Connections(limit=2, seconds=-1)
    ours, theirs = socket.socketpair()
    with ours, theirs:
        assert connections.add(ours)
        connections.close_late()
        assert theirs.recv(1) == b""


def test_connection_whose_request_is_answered_makes_no_room() -> None:
    """Only then is a newcomer refused."""
    connections = Connections(limit=1, seconds=60)
    (ours, theirs), (other, others) = socket.socketpair(), socket.socketpair()
    with ours, theirs, other, others:
        assert connections.add(ours)
        connections.begin(ours)
        assert not connections.add(other)
        connections.remove(ours)
        assert connections.add(other)


@pytest.mark.skipif(not has_ipv6(), reason="this machine has no IPv6")
def test_address_may_be_of_ipv6() -> None:
    """Or a name."""
    log = structlog.get_logger()
    with SidePort("::1", 0, CollectorRegistry(), log, ready=lambda: True) as side_port:
        assert httpx.get(f"http://[::1]:{side_port.port}/readyz", trust_env=False, timeout=60).status_code == 200
