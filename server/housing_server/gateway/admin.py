"""Envoy's admin interface: HTTP over a Unix socket."""

import json
import os
import socket
from contextlib import closing
from http import HTTPStatus
from http.client import HTTPConnection, HTTPException
from pathlib import Path

_SECONDS = 5.0


class Admin:
    """A client of Envoy's admin interface."""

    def __init__(self, path: Path) -> None:
        """Set the path of the socket; nothing is opened before the first request."""
        self._path = path

    def is_idle(self) -> bool:
        """Return whether no request is in flight; False without a response."""
        return is_idle(self.ask(f"/stats?format=json&filter={ACTIVE_REQUESTS}"))

    def ask(self, path: str, method: str = "GET") -> str | None:
        """Send a request and return the body of its response; None when it fails."""
        with closing(_UnixConnection(self._path)) as connection:
            try:
                connection.request(method, path)
                answer = connection.getresponse()
                text = str(answer.read(), "utf-8")
            except (OSError, HTTPException):
                return None
            return text if answer.status == HTTPStatus.OK else None


ACTIVE_REQUESTS = "^http.gateway.downstream_rq_active$"
"""Regular expression for the statistic that counts requests in flight."""


def is_idle(stats: str | None) -> bool:
    """Return whether Envoy's statistics show no request in flight; False when there are no statistics.

    Args:
        stats: Envoy's response to a query for `ACTIVE_REQUESTS`, as JSON.
    """
    if stats is None:
        return False
    counts = [stat["value"] for stat in json.loads(stats)["stats"] if "value" in stat]
    return bool(counts) and not any(counts)


class _UnixConnection(HTTPConnection):
    """HTTP over a Unix socket, at a path of any length."""

    def __init__(self, path: Path) -> None:
        super().__init__("localhost", timeout=_SECONDS)
        self._path = path

    def connect(self) -> None:
        """Connect through a descriptor of the socket's folder: the system limits the path of a socket to 107 bytes."""
        folder = os.open(self._path.parent, os.O_RDONLY | os.O_DIRECTORY)
        try:
            self.sock = socket.socket(socket.AF_UNIX)
            self.sock.settimeout(self.timeout)
            self.sock.connect(f"/proc/self/fd/{folder}/{self._path.name}")
        finally:
            os.close(folder)
