"""Asking a registry directly which version is meant."""

import base64
import json
import sqlite3
import threading
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from types import MappingProxyType

import pytest

from housing_server.errors import ModelNotFound, ModelRejected, RegistryUnavailable
from housing_server.model_store.lookup import direct_lookup
from housing_server.model_store.uri import ModelUri

CHAMPION = ModelUri(name="homes", alias="champion", version="")


@pytest.fixture
def database(tmp_path: Path) -> Path:
    """A database with the columns of MLflow's that are asked for, and version 3 as the champion."""
    path = tmp_path / "mlflow.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(
            """
            CREATE TABLE registered_model_aliases (name, alias, version INTEGER);
            CREATE TABLE model_versions (name, version INTEGER, run_id, current_stage);
            INSERT INTO registered_model_aliases VALUES ('homes', 'champion', 3), ('homes', 'runless', 4);
            INSERT INTO model_versions VALUES
                ('homes', 3, 'abc', 'None'), ('homes', 4, NULL, 'None'), ('homes', 5, 'ghi', 'Deleted_Internal'),
                ('other', 3, 'def', 'None');
            """
        )
    return path


def ask(uri: str, model: ModelUri = CHAMPION, environment: Mapping[str, str] = MappingProxyType({})) -> str:
    """Ask a registry, which must be one that can be asked directly."""
    look = direct_lookup(uri, environment)
    assert look is not None
    return look(model)


def version(number: str) -> ModelUri:
    """Name a version by its number."""
    return ModelUri(name="homes", alias="", version=number)


def test_database_is_read_directly(database: Path) -> None:
    """The answer names version and run, as the folder in the cache is named."""
    assert ask(f"sqlite:///{database}") == "3-abc"


def test_database_without_the_alias(database: Path) -> None:
    """An alias that was deleted is a model that is not there."""
    with pytest.raises(ModelNotFound, match="models:/homes@nobody"):
        ask(f"sqlite:///{database}", ModelUri(name="homes", alias="nobody", version=""))


def test_database_tells_the_run_of_a_version(database: Path) -> None:
    """A version that is asked for by number is found without MLflow, too."""
    assert ask(f"sqlite:///{database}", version("3")) == "3-abc"


@pytest.mark.parametrize("number", ["5", "7"], ids=["deleted", "never made"])
def test_database_without_the_version(database: Path, number: str) -> None:
    """A version that was deleted stays in the table, but is there no more."""
    with pytest.raises(ModelNotFound, match=f"models:/homes/{number}"):
        ask(f"sqlite:///{database}", version(number))


def test_version_without_a_run(database: Path) -> None:
    """Of a version without a run too little is known."""
    with pytest.raises(ModelRejected, match="without a run"):
        ask(f"sqlite:///{database}", ModelUri(name="homes", alias="runless", version=""))


def test_database_that_is_gone(tmp_path: Path) -> None:
    """It is not made anew by asking."""
    with pytest.raises(RegistryUnavailable, match=r"nothing\.db"):
        ask(f"sqlite:///{tmp_path}/nothing.db")
    assert not list(tmp_path.iterdir())


class FakeServer(HTTPServer):
    """Answers as a tracking server does, and keeps what it was asked."""

    asked: list[tuple[str, str | None]]
    status: int
    body: dict[str, object]


class _Handler(BaseHTTPRequestHandler):
    server: FakeServer

    def do_GET(self) -> None:
        """Answer as told."""
        self.server.asked.append((self.path, self.headers["Authorization"]))
        self.send_response(self.server.status)
        self.end_headers()
        self.wfile.write(json.dumps(self.server.body).encode())

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class names it so
        """Log nothing."""


@contextmanager
def server(status: int, body: dict[str, object]) -> Iterator[tuple[str, FakeServer]]:
    """Run a server with one answer; yield its address and the server."""
    with FakeServer(("127.0.0.1", 0), _Handler) as running:
        running.asked, running.status, running.body = [], status, body
        thread = threading.Thread(target=running.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{running.server_port}", running
        running.shutdown()
        thread.join()


ANSWER: dict[str, object] = {
    "model_version": {"name": "homes", "version": "3", "run_id": "abc", "aliases": ["champion"]}
}


@pytest.mark.parametrize(
    ("environment", "header"),
    [
        ({}, None),
        (
            {"MLFLOW_TRACKING_USERNAME": "ann", "MLFLOW_TRACKING_PASSWORD": "pw"},
            f"Basic {base64.b64encode(b'ann:pw').decode()}",
        ),
        ({"MLFLOW_TRACKING_TOKEN": "t"}, "Bearer t"),
    ],
    ids=["open", "password", "token"],
)
def test_server_is_asked_by_one_call(environment: dict[str, str], header: str | None) -> None:
    """The call is MLflow's own, with the caller's credentials."""
    with server(200, ANSWER) as (address, running):
        assert ask(address, environment=environment) == "3-abc"
        assert running.asked == [
            ("/api/2.0/mlflow/registered-models/alias?name=homes&alias=champion", header),
        ]


def test_server_is_asked_for_a_version_by_its_number() -> None:
    """It has a call of its own."""
    with server(200, ANSWER) as (address, running):
        assert ask(address, version("3")) == "3-abc"
        assert running.asked == [("/api/2.0/mlflow/model-versions/get?name=homes&version=3", None)]


@pytest.mark.parametrize(
    ("status", "body", "error"),
    [
        (404, {"error_code": "RESOURCE_DOES_NOT_EXIST"}, ModelNotFound),
        (400, {"error_code": "INVALID_PARAMETER_VALUE"}, ModelNotFound),
        (403, {}, RegistryUnavailable),
        (500, {}, RegistryUnavailable),
        (200, {"something": "else"}, RegistryUnavailable),
    ],
)
def test_server_that_does_not_know(status: int, body: dict[str, object], error: type[Exception]) -> None:
    """What is not there is told from what does not answer."""
    with server(status, body) as (address, _), pytest.raises(error):
        ask(address)


def test_server_that_is_gone() -> None:
    """An address where nobody listens is named."""
    with server(200, ANSWER) as (address, _):
        pass
    with pytest.raises(RegistryUnavailable, match=address):
        ask(address)


@pytest.mark.parametrize(
    ("uri", "environment"),
    [
        ("postgresql://db/mlflow", {}),
        ("http://ann:pw@tracking", {}),
        ("http://tracking", {"MLFLOW_TRACKING_AUTH": "sigv4"}),
        ("https://tracking", {"MLFLOW_TRACKING_INSECURE_TLS": "true"}),
        ("sqlite:///mlflow.db", {"MLFLOW_WORKSPACE": "team"}),
    ],
)
def test_other_registries_are_left_to_mlflow(uri: str, environment: dict[str, str]) -> None:
    """Stores and settings that only MLflow knows are not guessed at."""
    assert direct_lookup(uri, environment) is None
