"""The side port over real HTTP."""

from collections.abc import Iterator

import httpx
import pytest
import structlog
from prometheus_client import CollectorRegistry, Counter

from housing_server.errors import PortInUse
from housing_server.supervision.side_port import SidePort


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
        httpx.Client(base_url=f"http://127.0.0.1:{side_port.port}") as opened,
    ):
        yield opened


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
