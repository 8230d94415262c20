"""Calls of MLflow's tracking server, without MLflow."""

import base64
import json
import urllib.parse
import urllib.request
from collections.abc import Mapping
from typing import Any

TIMEOUT_SECONDS = 10.0
"""How long a tracking server may take to respond."""
NOT_FOUND = frozenset({400, 404})
"""Its codes for an unknown model and an unknown alias."""

_API = "api/2.0/mlflow"


class TrackingServer:
    """A tracking server. Methods block, and raise OSError or ValueError when it does not answer as it should."""

    def __init__(self, address: str, environment: Mapping[str, str]) -> None:
        """Set how to reach the server; nothing is sent yet.

        Args:
            address: its URL, with http or https.
            environment: variables of MLflow, among them its credentials.
        """
        self.address = address.rstrip("/")
        """Its URL."""
        self._headers = _authorization(environment)

    def get(self, call: str, query: Mapping[str, str]) -> Any:
        """Return what a call responds, from JSON.

        Args:
            call: its path below that of the API, such as `runs/get`.
            query: its arguments.
        """
        return self.read(f"{_API}/{call}", query)

    def post(self, call: str, body: Mapping[str, str]) -> None:
        """Make a call that changes something.

        Args:
            call: its path likewise.
            body: its arguments.
        """
        headers = self._headers | {"Content-Type": "application/json"}
        with self._send(f"{_API}/{call}", json.dumps(body).encode(), headers) as response:
            response.read()

    def read(self, path: str, query: Mapping[str, str]) -> Any:
        """Return the JSON at any path."""
        with self.open(f"{path}?{urllib.parse.urlencode(query)}") as response:
            return json.load(response)

    def open(self, path: str) -> Any:
        """Return the response to a request of any path; close it."""
        return self._send(path, None, self._headers)

    def _send(self, path: str, data: bytes | None, headers: Mapping[str, str]) -> Any:
        request = urllib.request.Request(f"{self.address}/{path}", data, dict(headers))  # noqa: S310 - see __init__
        return urllib.request.urlopen(request, timeout=TIMEOUT_SECONDS)  # noqa: S310 - likewise


def _authorization(environment: Mapping[str, str]) -> dict[str, str]:
    """Return the header with the credentials that MLflow's variables hold, if they hold any."""
    user, password, token = (environment.get(f"MLFLOW_TRACKING_{name}") for name in ("USERNAME", "PASSWORD", "TOKEN"))
    if user and password:
        return {"Authorization": f"Basic {base64.b64encode(f'{user}:{password}'.encode()).decode()}"}
    return {"Authorization": f"Bearer {token}"} if token else {}
