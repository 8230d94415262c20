"""Versions behind MLflow's REST API: what is read and changed, and what is made of a server that fails."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from housing_server.errors import ModelRegistryUnavailable
from housing_server.model_store.tracking_server import TrackingServer
from housing_server.model_versions.registry import open_registry
from housing_server.model_versions.registry_rest import RestVersions
from housing_server.model_versions.registry_sqlite import SqliteVersions
from housing_server.model_versions.version import RegisteredVersion

RUN = {"run": {"data": {"metrics": [{"key": "test_mae", "value": 1}, {"key": "test_rmse", "value": 40_000}]}}}
PAGES = {
    "": {
        "model_versions": [{"version": "1", "run_id": "a", "creation_timestamp": 5}],
        "next_page_token": "more",
    },
    "more": {"model_versions": [{"version": "10", "creation_timestamp": "7"}]},
}


class Tracking(ThreadingHTTPServer):
    """A tracking server with two versions of a model."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Call)
        self.status = 200
        self.moved: list[dict[str, str]] = []
        self.credentials: set[str | None] = set()

    @property
    def address(self) -> str:
        """Its address."""
        return f"http://127.0.0.1:{self.server_port}"


class Call(BaseHTTPRequestHandler):
    """Answers as MLflow does."""

    server: Tracking

    def do_GET(self) -> None:
        """Answer a question."""
        self.server.credentials.add(self.headers["authorization"])
        target = urlsplit(self.path)
        query = {name: values[0] for name, values in parse_qs(target.query, keep_blank_values=True).items()}
        call = target.path.removeprefix("/api/2.0/mlflow/")
        found: dict[str, Any] = {
            "model-versions/search": lambda: PAGES[query["page_token"]],
            "runs/get": lambda: RUN,
            "registered-models/get": lambda: {
                "registered_model": {"aliases": [{"alias": "champion", "version": "10"}]}
            },
            "model-versions/get": lambda: {} if query["version"] in {"1", "10"} else None,
        }
        self.answer(found[call]())

    def do_POST(self) -> None:
        """Move an alias."""
        self.server.moved.append(json.loads(self.rfile.read(int(self.headers["content-length"]))))
        self.answer({})

    def answer(self, content: dict[str, Any] | None) -> None:
        """Send JSON; 404 for None."""
        body = json.dumps(content or {}).encode()
        self.send_response(404 if content is None else self.server.status)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class names it so
        """Log nothing."""


@pytest.fixture
def tracking() -> Iterator[Tracking]:
    """A running tracking server."""
    with Tracking() as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def test_versions_are_read_over_all_pages(tracking: Tracking) -> None:
    """The newest first by number, with the error of the run, and the credentials that MLflow's variables hold."""
    registry = open_registry(tracking.address, tracking.address, {"MLFLOW_TRACKING_TOKEN": "secret"})
    assert registry.versions("model", 5) == [
        RegisteredVersion(version="10", run_id="", registered_at_us=7_000, test_rmse=None),
        RegisteredVersion(version="1", run_id="a", registered_at_us=5_000, test_rmse=40_000),
    ]
    assert registry.aliases("model") == {"champion": "10"}
    assert tracking.credentials == {"Bearer secret"}


def test_alias_is_moved_by_one_call(tracking: Tracking) -> None:
    """To a version that exists."""
    registry = RestVersions(TrackingServer(tracking.address, {}))
    assert registry.exists("model", "10")
    assert not registry.exists("model", "2")
    registry.point("model", "champion", "1")
    assert tracking.moved == [{"name": "model", "alias": "champion", "version": "1"}]


def test_server_that_fails_is_unavailable(tracking: Tracking) -> None:
    """Whether it answers with an error, or not at all; and its answer to a change is never taken for success."""
    registry = RestVersions(TrackingServer(tracking.address, {}))
    tracking.status = 500
    with pytest.raises(ModelRegistryUnavailable):
        registry.aliases("model")
    with pytest.raises(ModelRegistryUnavailable):
        registry.point("model", "champion", "1")
    with pytest.raises(ModelRegistryUnavailable):
        RestVersions(TrackingServer("http://127.0.0.1:9", {})).versions("model", 5)


@pytest.mark.parametrize("uri", ["postgresql://localhost/mlflow", "file:///somewhere", "https://user@example.org"])
def test_registry_that_only_mlflow_supports_is_left_to_it(uri: str) -> None:
    """The message for the log says what changes it."""
    with pytest.raises(ModelRegistryUnavailable) as error:
        open_registry(uri, uri, {})
    assert "housing model" in error.value.cause


def test_file_that_is_missing_is_not_made(tmp_path: Path) -> None:
    """Neither by reading nor by writing."""
    registry = SqliteVersions(tmp_path / "mlflow.db")
    for use in (lambda: registry.aliases("model"), lambda: registry.point("model", "champion", "1")):
        with pytest.raises(ModelRegistryUnavailable):
            use()
    assert not list(tmp_path.iterdir())
