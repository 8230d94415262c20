"""The side port: metrics, probes and the page, over plain HTTP, away from the port that serves predictions."""

import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from types import TracebackType
from typing import TYPE_CHECKING, Self
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

from prometheus_client import CollectorRegistry, make_wsgi_app
from prometheus_client.exposition import ThreadingWSGIServer

from housing_server.errors import PortInUse

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

_TEXT = "text/plain; charset=utf-8"
_HTML = "text/html; charset=utf-8"

_PAGE = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>California house prices</title>
<style>body { font: 1rem/1.5 system-ui, sans-serif; margin: 3rem auto; max-width: 42rem; padding: 0 1rem; }</style>
<h1>California house prices</h1>
<p>A prediction service. Ask it over gRPC, or over JSON at these routes:</p>
<ul>
<li><code>POST /api/predict</code>: one block group</li>
<li><code>POST /api/predict/batch</code>: many at once</li>
<li><code>POST /api/explain</code>: what each field adds to the price</li>
<li><a href="/api/model"><code>GET /api/model</code></a>: the model that answers</li>
<li><a href="/api/model/card"><code>GET /api/model/card</code></a>: its card: what it is good for, and what not</li>
<li><a href="/health"><code>GET /health</code></a>: the state of the service</li>
<li><a href="/metrics"><code>GET /metrics</code></a>: metrics for Prometheus</li>
</ul>
</html>
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Probes:
    """What the probes ask."""

    ready: Callable[[], bool]
    """Whether predictions are answered."""


class SidePort:
    """An HTTP server on a thread of its own: `with SidePort(...)`."""

    def __init__(self, host: str, port: int, registry: CollectorRegistry, probes: Probes) -> None:
        """Bind the port; requests are answered once the `with` block is entered.

        Raises:
            PortInUse: the port is taken.
        """
        try:
            self._server = make_server(
                host, port, _application(registry, probes), server_class=_Server, handler_class=_QuietHandler
            )
        except OSError as error:
            raise PortInUse(f"port {port} of {host} is in use: set HOUSING_METRICS_PORT to another") from error
        self._thread = threading.Thread(target=self._server.serve_forever, name="side-port", daemon=True)

    @property
    def port(self) -> int:
        """The port it listens on."""
        return self._server.server_port

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()


class _Server(ThreadingWSGIServer, WSGIServer):
    """Answers each request on a thread, so that a slow scrape does not hold up a probe."""

    request_queue_size = 128


class _QuietHandler(WSGIRequestHandler):
    """Logs nothing: probes come every second."""

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class names it so
        """Say nothing."""


def _application(registry: CollectorRegistry, probes: Probes) -> "WSGIApplication":
    metrics: WSGIApplication = make_wsgi_app(registry)

    def application(environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        method, path = environ["REQUEST_METHOD"], environ["PATH_INFO"]
        if method == "GET" and path == "/metrics":
            return metrics(environ, start_response)
        status, content_type, text = _page(method, path, probes)
        body = text.encode()
        start_response(status, [("Content-Type", content_type), ("Content-Length", str(len(body)))])
        return [] if method == "HEAD" else [body]

    return application


def _page(method: str, path: str, probes: Probes) -> tuple[str, str, str]:
    """Tell status, content type and text of the answer to a request for anything but metrics."""
    match method, path:
        case "GET" | "HEAD", "/healthz":
            return "200 OK", _TEXT, "alive\n"
        case "GET" | "HEAD", "/readyz" if probes.ready():
            return "200 OK", _TEXT, "ready\n"
        case "GET" | "HEAD", "/readyz":
            return "503 Service Unavailable", _TEXT, "not ready\n"
        case "GET" | "HEAD", "/":
            return "200 OK", _HTML, _PAGE
        case "GET" | "HEAD", _:
            return "404 Not Found", _TEXT, "no such page\n"
    return "405 Method Not Allowed", _TEXT, "only GET is known here\n"
