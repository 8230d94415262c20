"""Fetching a model from a tracking server, without MLflow."""

import hashlib
import json
import threading
import urllib.parse
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from housing.graph import DIGEST_TAG
from housing_server.errors import ModelNotFound, ModelRejected, RegistryUnavailable
from housing_server.model_store.files import read_description
from housing_server.model_store.mlflow_fetch import fetch

_MLFLOW = "/api/2.0/mlflow"
_FILES = "/api/2.0/mlflow-artifacts/artifacts"
URI = "models:/homes@champion"


class TrackingServer(HTTPServer):
    """A tracking server with one model, in the words of MLflow's REST API."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        version = {"name": "homes", "version": "3", "run_id": "abc", "source": "models:/m-1"}
        run = {
            "info": {"run_id": "abc", "start_time": 1_700_000_000_000},
            "data": {
                "tags": [{"key": "algorithm", "value": "blend"}, {"key": "git_commit", "value": "c0ffee"}],
                "metrics": [{"key": "test_rmse", "value": 39_000.5, "step": "0"}],
            },
        }
        self.pages: dict[str, object] = {
            f"{_MLFLOW}/registered-models/alias?name=homes&alias=champion": {"model_version": version},
            f"{_MLFLOW}/model-versions/get-download-uri?name=homes&version=3": {
                "artifact_uri": "mlflow-artifacts:/1/models/m-1/artifacts"
            },
            f"{_MLFLOW}/runs/get?run_id=abc": {"run": run},
            f"{_FILES}?path=1/models/m-1/artifacts": {
                "files": [
                    {"path": "MLmodel", "is_dir": False, "file_size": 5},
                    {"path": "model.onnx", "is_dir": False, "file_size": 5},
                    {"path": "extra files", "is_dir": True},
                ]
            },
            f"{_FILES}?path=1/models/m-1/artifacts/extra files": {"files": [{"path": "card.md", "is_dir": False}]},
            f"{_FILES}/1/models/m-1/artifacts/MLmodel": b"flavors: {}",
            f"{_FILES}/1/models/m-1/artifacts/model.onnx": b"graph",
            f"{_FILES}/1/models/m-1/artifacts/extra files/card.md": b"# Homes",
        }
        """JSON or bytes by path and query, decoded."""

    @property
    def address(self) -> str:
        """Its URL."""
        return f"http://127.0.0.1:{self.server_port}"


class _Handler(BaseHTTPRequestHandler):
    server: TrackingServer

    def do_GET(self) -> None:
        """Send the page, or 404."""
        page = self.server.pages.get(urllib.parse.unquote_plus(self.path))
        self.send_response(200 if page is not None else 404)
        self.end_headers()
        self.wfile.write(page if isinstance(page, bytes) else json.dumps(page).encode())

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class names it so
        """Log nothing."""


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[TrackingServer]:
    """A running tracking server that MLflow's variables name."""
    with TrackingServer() as running:
        thread = threading.Thread(target=running.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        monkeypatch.setenv("MLFLOW_TRACKING_URI", running.address)
        monkeypatch.delenv("MLFLOW_REGISTRY_URI", raising=False)
        yield running
        running.shutdown()
        thread.join()


@pytest.mark.usefixtures("server")
def test_files_and_description_of_a_model_are_fetched(tmp_path: Path) -> None:
    """Folders keep their files, and the description names the run."""
    folder = fetch(URI, tmp_path)
    assert folder == tmp_path / "models/homes/3-abc"
    assert (folder / "model.onnx").read_bytes() == b"graph"
    assert (folder / "extra files/card.md").read_bytes() == b"# Homes"
    described = read_description(folder)
    assert (described.name, described.version, described.alias, described.runtime) == ("homes", "3", "champion", "onnx")
    assert (described.algorithm, described.git_commit, dict(described.metrics)) == (
        "blend",
        "c0ffee",
        {"test_rmse": 39_000.5},
    )
    assert described.trained_at.ToMilliseconds() == 1_700_000_000_000


def test_graph_that_was_exchanged_is_refused(server: TrackingServer, tmp_path: Path) -> None:
    """Whoever can write artifacts but not the registry exchanges no model: its digest is a tag of the run."""
    run = server.pages[f"{_MLFLOW}/runs/get?run_id=abc"]
    assert isinstance(run, dict)
    run["run"]["data"]["tags"].append({"key": DIGEST_TAG, "value": hashlib.sha256(b"graph").hexdigest()})
    graph = f"{_FILES}/1/models/m-1/artifacts/model.onnx"
    server.pages[graph] = b"other"
    with pytest.raises(ModelRejected, match="not the one that was registered"):
        fetch(URI, tmp_path)
    server.pages[graph] = b"graph"
    assert (fetch(URI, tmp_path) / "model.onnx").read_bytes() == b"graph"


def test_fetched_model_is_not_downloaded_again(server: TrackingServer, tmp_path: Path) -> None:
    """What is in the cache, and whole, stays."""
    folder = fetch(URI, tmp_path)
    del server.pages[f"{_FILES}?path=1/models/m-1/artifacts"]
    assert fetch(URI, tmp_path) == folder


def test_unknown_model_is_named(server: TrackingServer, tmp_path: Path) -> None:
    """The error says what to do."""
    server.pages.clear()
    with pytest.raises(ModelNotFound, match="models:/homes@champion: train one"):
        fetch(URI, tmp_path)


@pytest.mark.parametrize("name", ["..", "/etc/passwd", "a/b", ""])
def test_server_cannot_name_files_outside_of_the_folder(server: TrackingServer, tmp_path: Path, name: str) -> None:
    """Nothing is written, and nothing is left of what was begun."""
    server.pages[f"{_FILES}?path=1/models/m-1/artifacts"] = {"files": [{"path": name, "is_dir": True}]}
    with pytest.raises(ModelRejected, match="not the name of a file"):
        fetch(URI, tmp_path)
    assert not list((tmp_path / "models/homes").iterdir())


def test_missing_file_leaves_nothing_behind(server: TrackingServer, tmp_path: Path) -> None:
    """A model is fetched whole or not at all."""
    del server.pages[f"{_FILES}/1/models/m-1/artifacts/model.onnx"]
    with pytest.raises(ModelRejected, match="homes/3 cannot be fetched"):
        fetch(URI, tmp_path)
    assert not list((tmp_path / "models/homes").iterdir())


def test_missing_run_is_an_error_of_the_registry(server: TrackingServer, tmp_path: Path) -> None:
    """A model without its description is not served."""
    del server.pages[f"{_MLFLOW}/runs/get?run_id=abc"]
    with pytest.raises(RegistryUnavailable, match=server.address):
        fetch(URI, tmp_path)


def test_server_without_files_of_its_own_needs_mlflow(
    server: TrackingServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where files are in a bucket that the server does not hand out, the remedy is named."""
    server.pages[f"{_MLFLOW}/model-versions/get-download-uri?name=homes&version=3"] = {"artifact_uri": "s3://b/1"}
    monkeypatch.setitem(__import__("sys").modules, "mlflow", None)
    with pytest.raises(RegistryUnavailable, match="serve-artifacts"):
        fetch(URI, tmp_path)
