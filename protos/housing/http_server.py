"""A small HTTP server that callers cannot exhaust: few connections, each for a short time, each on a thread.

It speaks HTTP/1.0, one request per connection, like the standard library's WSGI server, and adds what that lacks: a
bound on connections, and so on threads and file descriptors. When it is reached, the connection that has been idle
longest is closed, so that a scrape gets through a crowd of silent clients. No connection outlives its deadline.
"""

import re
import socket
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from http import HTTPStatus
from socketserver import ThreadingMixIn
from typing import TYPE_CHECKING, Any
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer

from housing.addresses import address_family, address_of
from housing.exposure import authority_patterns, names_on

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication

MAX_CONNECTIONS = 32
"""Maximum concurrent connections, and threads."""

REQUEST_SECONDS = 10.0
"""Deadline of a connection, from accepting it to the end of the response."""

_REFUSED_PAUSE_SECONDS = 0.1
_POLL_SECONDS = 0.05


@dataclass(slots=True, eq=False)
class _Connection:
    """An open connection."""

    socket: socket.socket
    deadline: float
    """When it is closed, by the monotonic clock."""
    busy: bool = field(default=False)
    """Whether its request has arrived and is being answered."""


class Connections:
    """The open connections; from any thread."""

    def __init__(self, limit: int, seconds: float) -> None:
        """Start without connections.

        Args:
            limit: the most connections.
            seconds: the deadline of each.
        """
        self._limit = limit
        self._seconds = seconds
        self._open: dict[socket.socket, _Connection] = {}
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return len(self._open)

    def add(self, opened: socket.socket) -> bool:
        """Add a connection, closing an idle one if necessary; return whether there was room."""
        with self._lock:
            room = len(self._open) < self._limit or self._close_oldest_idle()
            if room:
                self._open[opened] = _Connection(opened, time.monotonic() + self._seconds)
            return room

    def begin(self, opened: socket.socket) -> None:
        """Mark a connection as busy: its request is being answered."""
        with self._lock:
            if connection := self._open.get(opened):
                connection.busy = True

    def remove(self, opened: socket.socket) -> None:
        """Remove a closed connection."""
        with self._lock:
            self._open.pop(opened, None)

    def close_late(self) -> None:
        """Close connections past their deadline."""
        now = time.monotonic()
        with self._lock:
            for connection in list(self._open.values()):
                if connection.deadline < now:
                    _end(connection.socket)

    def _close_oldest_idle(self) -> bool:
        idle = next((each for each in self._open.values() if not each.busy), None)
        if idle is not None:
            del self._open[idle.socket]
            _end(idle.socket)
        return idle is not None


def _end(connection: socket.socket) -> None:
    """Wake the thread that reads or writes; it then closes the socket."""
    with suppress(OSError):
        connection.shutdown(socket.SHUT_RDWR)


class _Handler(WSGIRequestHandler):
    """Logs nothing, since probes arrive every second."""

    server: "BoundedServer"
    timeout = REQUEST_SECONDS

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
        """Do nothing."""

    def parse_request(self) -> bool:
        """Parse a request, and mark its connection as busy."""
        parsed = super().parse_request()
        self.server.connections.begin(self.connection)
        if parsed and not self.server.is_addressed(self.headers.get("host")):
            self.send_error(HTTPStatus.MISDIRECTED_REQUEST, "another host is addressed")
            return False
        return parsed


class BoundedServer(ThreadingMixIn, WSGIServer):
    """An HTTP server for a WSGI application, with a bound on connections."""

    daemon_threads = True
    block_on_close = False
    request_queue_size = 128

    def __init__(
        self,
        host: str,
        port: int,
        application: "WSGIApplication",
        connections: Connections | None = None,
        *,
        on_error: Callable[[], object] = lambda: None,
    ) -> None:
        """Bind a port.

        Args:
            host: the address or host name to listen on.
            port: the port; 0 for any free one.
            application: answers requests.
            connections: the open connections; by default few, each for a short time.
            on_error: called while the exception of a failed request is handled, which may only mean that the client
                closed it.

        Raises:
            OSError: the port is not available.
        """
        self.address_family = address_family(host)
        self.connections = connections or Connections(MAX_CONNECTIONS, REQUEST_SECONDS)
        """The open connections."""
        self._on_error = on_error
        names = names_on(host, ())
        self._authorities = None if names is None else [*map(re.compile, authority_patterns(names))]
        super().__init__((address_of(host), port), _Handler)
        self.set_app(application)

    def server_bind(self) -> None:
        """Bind, without a reverse lookup of the host name."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.socket.bind(self.server_address)
        self.server_address = self.socket.getsockname()
        self.server_name, self.server_port = str(self.server_address[0]), int(self.server_address[1])
        self.setup_environ()

    def is_addressed(self, host: str | None) -> bool:
        """Return whether a request for a host, if it names one, may be for this server; see `names_on`."""
        if self._authorities is None or host is None:
            return True
        return any(each.fullmatch(host) for each in self._authorities)

    def get_request(self) -> tuple[socket.socket, Any]:
        """Accept a connection; pause after an error, since the pending connection would fail again at once."""
        try:
            return super().get_request()
        except OSError:
            time.sleep(_REFUSED_PAUSE_SECONDS)
            raise

    def verify_request(self, request: Any, client_address: Any) -> bool:  # noqa: ARG002 - the base class's signature
        """Return whether there is room for a connection; otherwise it is closed."""
        return self.connections.add(request)

    def shutdown_request(self, request: Any) -> None:
        """Close a connection."""
        self.connections.remove(request)
        super().shutdown_request(request)

    def serve_forever(self, poll_interval: float = _POLL_SECONDS) -> None:
        """Answer requests until `shutdown`, which waits for the end of a poll."""
        super().serve_forever(poll_interval)

    def service_actions(self) -> None:
        """Close connections past their deadline; called at every poll."""
        self.connections.close_late()

    def handle_error(self, request: Any, client_address: Any) -> None:  # noqa: ARG002 - the base class's signature
        """Report the failure of a request."""
        self._on_error()
