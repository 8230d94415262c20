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
from housing_server.model_store.lookup import WantedCanary, direct_canary_lookup, direct_lookup
from housing_server.model_store.uri import ModelUri
from housing_server.model_store.version_tags import set_version_tags

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
            CREATE TABLE model_version_tags (name, version INTEGER, key, value);
            INSERT INTO registered_model_aliases VALUES
                ('homes', 'champion', 3), ('homes', 'runless', 4), ('homes', 'canary', 6), ('other', 'canary', 3);
            INSERT INTO model_version_tags VALUES ('homes', 6, 'canary_share', '0.1'), ('homes', 6, 'note', '0.7'),
                ('homes', 3, 'canary_share', '0.9');
            INSERT INTO model_versions VALUES
                ('homes', 3, 'abc', 'None'), ('homes', 4, NULL, 'None'), ('homes', 5, 'ghi', 'Deleted_Internal'),
                ('homes', 6, 'jkl', 'None'), ('other', 3, 'def', 'None');
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
    posted: list[dict[str, str]]
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

    def do_POST(self) -> None:
        """Keep what was sent, and answer as told."""
        self.server.posted.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
        self.do_GET()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class names it so
        """Log nothing."""


@contextmanager
def server(status: int, body: dict[str, object]) -> Iterator[tuple[str, FakeServer]]:
    """Run a server with one answer; yield its address and the server."""
    with FakeServer(("127.0.0.1", 0), _Handler) as running:
        running.asked, running.posted, running.status, running.body = [], [], status, body
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


CANARY = ModelUri(name="homes", alias="canary", version="")


def ask_for_canary(uri: str) -> WantedCanary:
    """Ask a registry for its canary."""
    look = direct_canary_lookup(uri, {})
    assert look is not None
    return look(CANARY)


def test_database_has_the_canary_with_its_share(database: Path) -> None:
    """From the tag of that version of that model, and of no other."""
    assert ask_for_canary(f"sqlite:///{database}") == WantedCanary("6-jkl", "0.1")


def test_canary_without_a_share(database: Path) -> None:
    """A version with the alias alone is found, and has none."""
    with closing(sqlite3.connect(database)) as connection:
        connection.execute("DELETE FROM model_version_tags")
        connection.commit()
    assert ask_for_canary(f"sqlite:///{database}") == WantedCanary("6-jkl", "")


def test_server_names_the_canary_and_its_share_in_one_call() -> None:
    """The tags come with the version."""
    tags = [{"key": "note", "value": "x"}, {"key": "canary_share", "value": "0.25"}]
    body: dict[str, object] = {"model_version": {"name": "homes", "version": "6", "run_id": "jkl", "tags": tags}}
    with server(200, body) as (address, running):
        assert ask_for_canary(address) == WantedCanary("6-jkl", "0.25")
        assert len(running.asked) == 1


def test_registry_without_a_canary(database: Path) -> None:
    """An alias that is not there is a model that is not there."""
    with closing(sqlite3.connect(database)) as connection:
        connection.execute("DELETE FROM registered_model_aliases")
        connection.commit()
    with pytest.raises(ModelNotFound):
        ask_for_canary(f"sqlite:///{database}")


TAGS = {"canary_ended": "failed: no answer", "canary_share": "0"}


def test_end_of_a_canary_is_written_into_the_database(database: Path) -> None:
    """Over the tag that is there, and of that version of that model only."""
    with closing(sqlite3.connect(database)) as connection:
        connection.execute("CREATE UNIQUE INDEX tags ON model_version_tags (key, name, version)")
    set_version_tags(f"sqlite:///{database}", {}, "homes", "6", TAGS)
    assert ask_for_canary(f"sqlite:///{database}") == WantedCanary("6-jkl", "0")
    with closing(sqlite3.connect(database)) as connection:
        tags = connection.execute("SELECT version, key, value FROM model_version_tags ORDER BY version, key").fetchall()
    assert tags == [
        (3, "canary_share", "0.9"),
        (6, "canary_ended", "failed: no answer"),
        (6, "canary_share", "0"),
        (6, "note", "0.7"),
    ]


def test_end_of_a_canary_is_sent_to_the_server() -> None:
    """By a call for each tag, the share last, so that the reason is there when others see it."""
    with server(200, {}) as (address, running):
        set_version_tags(address, {"MLFLOW_TRACKING_TOKEN": "t"}, "homes", "6", TAGS)
        assert running.posted == [
            {"name": "homes", "version": "6", "key": key, "value": value} for key, value in TAGS.items()
        ]
        assert running.asked == [("/api/2.0/mlflow/model-versions/set-tag", "Bearer t")] * 2


def test_registry_that_accepts_no_tag_is_unavailable(tmp_path: Path) -> None:
    """A server that refuses, and a database that is not there and is not made anew."""
    with server(403, {}) as (address, _), pytest.raises(RegistryUnavailable):
        set_version_tags(address, {}, "homes", "6", TAGS)
    with pytest.raises(RegistryUnavailable):
        set_version_tags(f"sqlite:///{tmp_path}/nothing.db", {}, "homes", "6", TAGS)
    assert not list(tmp_path.iterdir())
