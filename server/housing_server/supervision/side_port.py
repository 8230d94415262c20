"""The side port: metrics and probes, over plain HTTP, on a port of its own."""

import threading
from collections.abc import Callable, Iterable
from types import TracebackType
from typing import TYPE_CHECKING, Self

import structlog
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, make_wsgi_app

from housing.http_server import BoundedServer
from housing.routes import GATEWAY_METRICS_PATH, METRICS_PATH
from housing_server.system.ports import refused_port

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

_TEXT = "text/plain; charset=utf-8"
_INDEX = "metrics: /metrics\nprobes: /healthz, /readyz\nthe pages are those of the gateway\n"

_SCRAPES = 2
"""Concurrent scrapes: each reads the files of all processes, and holds the GIL."""


class SidePort:
    """An HTTP server on its own threads: `with SidePort(...)`."""

    def __init__(  # noqa: PLR0913 - keyword-only arguments are clear in any number
        self,
        host: str,
        port: int,
        registry: CollectorRegistry,
        log: structlog.typing.FilteringBoundLogger,
        *,
        ready: Callable[[], bool],
        gateway_metrics: Callable[[], str] | None = None,
    ) -> None:
        """Bind the port; requests are answered once the `with` block is entered.

        Args:
            host: the address or host name to listen on.
            port: the port; 0 for any free one.
            registry: the metrics to serve.
            log: logs errors.
            ready: returns whether predictions are served.
            gateway_metrics: returns the metrics of the Envoys around workers; None where there are none.

        Raises:
            StartError: the port is not available.
        """
        try:
            self._server = BoundedServer(
                host,
                port,
                _application(registry, ready, gateway_metrics),
                on_error=lambda: log.debug("request on the side port failed", exc_info=True),
            )
        except OSError as error:
            raise refused_port(error, host, port, "HOUSING_METRICS_PORT", "HOUSING_METRICS_HOST") from error
        self._thread = threading.Thread(target=self._server.serve_forever, name="side-port", daemon=True)

    @property
    def port(self) -> int:
        """The port it listens on."""
        return self._server.server_port

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()


def _application(
    registry: CollectorRegistry, ready: Callable[[], bool], gateway_metrics: Callable[[], str] | None
) -> "WSGIApplication":
    metrics: WSGIApplication = make_wsgi_app(registry)
    scrapes = threading.BoundedSemaphore(_SCRAPES)

    def application(environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        method, path = environ["REQUEST_METHOD"], environ["PATH_INFO"]
        if method == "GET" and path == METRICS_PATH:
            with scrapes:
                return metrics(environ, start_response)
        if method == "GET" and path == GATEWAY_METRICS_PATH and gateway_metrics is not None:
            with scrapes:
                status, content_type, text = "200 OK", CONTENT_TYPE_LATEST, gateway_metrics()
        else:
            status, content_type, text = _page(method, path, ready)
        body = text.encode()
        start_response(status, [("Content-Type", content_type), ("Content-Length", str(len(body)))])
        return [] if method == "HEAD" else [body]

    return application


def _page(method: str, path: str, ready: Callable[[], bool]) -> tuple[str, str, str]:
    """Return status, content type and text of the response to a request for anything but metrics."""
    match method, path:
        case "GET" | "HEAD", "/healthz":
            return "200 OK", _TEXT, "alive\n"
        case "GET" | "HEAD", "/readyz" if ready():
            return "200 OK", _TEXT, "ready\n"
        case "GET" | "HEAD", "/readyz":
            return "503 Service Unavailable", _TEXT, "not ready\n"
        case "GET" | "HEAD", "/":
            return "200 OK", _TEXT, _INDEX
        case "GET" | "HEAD", _:
            return "404 Not Found", _TEXT, "no such page\n"
    return "405 Method Not Allowed", _TEXT, "only GET is allowed\n"
