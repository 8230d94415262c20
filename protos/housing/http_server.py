"""A small HTTP server whose callers cannot exhaust it: few connections, each for a short time, each on a thread.

It speaks HTTP/1.0, one request a connection, as the standard library's WSGI server does. What that lacks is added here:
a bound on connections, and so on threads and file descriptors; when it is reached, the connection that has been idle
for longest makes room, so that a scrape gets through a crowd of clients that connect and say nothing. No connection
lasts longer than a deadline.
"""

import socket
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from socketserver import ThreadingMixIn
from typing import TYPE_CHECKING, Any
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer

from housing.addresses import address_family, address_of

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication

MAX_CONNECTIONS = 32
"""Connections at once, and threads."""

REQUEST_SECONDS = 10.0
"""How long a connection may last: to send a request and to read the answer."""

_REFUSED_PAUSE_SECONDS = 0.1


@dataclass(slots=True, eq=False)
class _Connection:
    """A connection that is open."""

    socket: socket.socket
    """Its socket."""
    deadline: float
    """When it is closed, by the monotonic clock."""
    busy: bool = field(default=False)
    """Whether it has sent its request, which is being answered."""


class Connections:
    """The connections that are open; from any thread."""

    def __init__(self, limit: int, seconds: float) -> None:
        """Begin with none.

        Args:
            limit: how many there may be.
            seconds: how long each may last.
        """
        self._limit = limit
        self._seconds = seconds
        self._open: dict[socket.socket, _Connection] = {}
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return len(self._open)

    def add(self, opened: socket.socket) -> bool:
        """Add a connection; return whether there is room for it, which an idle one may have to make."""
        with self._lock:
            room = len(self._open) < self._limit or self._close_oldest_idle()
            if room:
                self._open[opened] = _Connection(opened, time.monotonic() + self._seconds)
            return room

    def begin(self, opened: socket.socket) -> None:
        """Mark a connection as one whose request is being answered."""
        with self._lock:
            if connection := self._open.get(opened):
                connection.busy = True

    def remove(self, opened: socket.socket) -> None:
        """Remove a connection that is closed."""
        with self._lock:
            self._open.pop(opened, None)

    def close_late(self) -> None:
        """Close those whose time is up."""
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
    """Wake the thread that reads or writes, which then closes the socket itself."""
    with suppress(OSError):
        connection.shutdown(socket.SHUT_RDWR)


class _Handler(WSGIRequestHandler):
    """Logs nothing: probes come every second."""

    server: "BoundedServer"
    timeout = REQUEST_SECONDS

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class names it so
        """Log nothing."""

    def parse_request(self) -> bool:
        """Parse a request; once it is there, its connection is idle no more."""
        parsed = super().parse_request()
        self.server.connections.begin(self.connection)
        return parsed


class BoundedServer(ThreadingMixIn, WSGIServer):
    """An HTTP server that serves a WSGI application on few connections."""

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
            host: the address to listen on, or a name of it.
            port: the port; 0 for any free one.
            application: answers requests.
            connections: those that are open; by default few, each for a short time.
            on_error: is called while a request that failed is handled; its caller may only have gone.

        Raises:
            OSError: it is not available.
        """
        self.address_family = address_family(host)
        self.connections = connections or Connections(MAX_CONNECTIONS, REQUEST_SECONDS)
        """Those that are open."""
        self._on_error = on_error
        super().__init__((address_of(host), port), _Handler)
        self.set_app(application)

    def server_bind(self) -> None:
        """Bind, without asking a name server for the name of the host."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.socket.bind(self.server_address)
        self.server_address = self.socket.getsockname()
        self.server_name, self.server_port = str(self.server_address[0]), int(self.server_address[1])
        self.setup_environ()

    def get_request(self) -> tuple[socket.socket, Any]:
        """Accept a connection; after a refusal wait a moment, since whoever waits there goes on waiting."""
        try:
            return super().get_request()
        except OSError:
            time.sleep(_REFUSED_PAUSE_SECONDS)
            raise

    def verify_request(self, request: Any, client_address: Any) -> bool:  # noqa: ARG002 - the base class says so
        """Return whether there is room for a connection; it is closed when there is none."""
        return self.connections.add(request)

    def shutdown_request(self, request: Any) -> None:
        """Close a connection."""
        self.connections.remove(request)
        super().shutdown_request(request)

    def service_actions(self) -> None:
        """Close connections whose time is up; called about twice a second."""
        self.connections.close_late()

    def handle_error(self, request: Any, client_address: Any) -> None:  # noqa: ARG002 - the base class says so
        """Report what went wrong with a request."""
        self._on_error()
