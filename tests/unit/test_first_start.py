"""What the compose file's services trust each other by: made once, and mounted by those only that need it."""

import json
import runpy
import socket
import ssl
import subprocess
import sys
import threading
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml

from housing_server.access.key_file import read_keys
from housing_server.access.keys import matches, parse
from running import ROOT

SCRIPT = ROOT / "deploy/scripts/first_start.py"
COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text("utf-8"))["services"]


@pytest.fixture(scope="module", name="made")
def first_start(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folders after a first start."""
    folder = tmp_path_factory.mktemp("first")
    for name in ("secrets", "tls", "keys", "clients"):
        (folder / name).mkdir()
    shown = start(folder)
    assert f"{folder}/keys/admin.key" in shown
    assert "hk_" not in shown
    return folder


def start(folder: Path) -> str:
    """Start once more; return what is written."""
    command = [sys.executable, str(SCRIPT), str(folder)]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def contents(folder: Path) -> dict[str, bytes]:
    """Every file of a folder."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_keys_are_those_of_the_servers_file(made: Path) -> None:
    """With the roles that their owners need, and readable by one user only."""
    known = {key.name: key for key in read_keys(made / "keys/keys.json")}
    assert {name: key.role for name, key in known.items()} == {
        "admin": "admin",
        "monitor": "operate",
        "retrainer": "operate",
    }
    for path in (made / "keys/admin.key", *(made / "clients").glob("*.key")):
        key_id, secret = parse(path.read_text("utf-8").strip()) or ("", "")
        assert (key_id, matches(secret, known[path.stem].digest)) == (known[path.stem].key_id, True)
    private = [*made.rglob("*.key"), made / "tls/key.pem", made / "keys/keys.json", made / "secrets/pgpass"]
    assert {path.stat().st_mode & 0o777 for path in private} == {0o600}


@pytest.mark.parametrize("host", ["localhost", "server", "gateway", "127.0.0.1"])
def test_certificate_is_trusted_by_every_name(made: Path, host: str) -> None:
    """Of the services in their network, and of this machine."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(made / "tls/certificate.pem", made / "tls/key.pem")
    ours, theirs = socket.socketpair()
    serving = threading.Thread(target=lambda: context.wrap_socket(theirs, server_side=True).close())
    serving.start()
    trusting = ssl.create_default_context(cafile=made / "clients/ca.pem")
    trusting.verify_flags |= ssl.VERIFY_X509_STRICT  # as newer versions of Python do by themselves
    with trusting.wrap_socket(ours, server_hostname=host) as encrypted:
        assert encrypted.version() in {"TLSv1.2", "TLSv1.3"}
    serving.join()
    assert (made / "tls/ca.pem").read_bytes() == (made / "clients/ca.pem").read_bytes()


def test_second_start_changes_nothing(made: Path) -> None:
    """And says nothing about what was made before."""
    before = contents(made)
    assert start(made) == ""
    assert contents(made) == before


def test_certificate_is_renewed_before_it_expires(made: Path, tmp_path: Path) -> None:
    """A start within its last 30 days makes another, of another authority."""
    script = runpy.run_path(str(SCRIPT))
    script["make_certificate"].__globals__["_LIFETIME"] = timedelta(days=29)
    script["make_certificate"](tmp_path, tmp_path)
    short = contents(tmp_path)
    script["make_certificate"](tmp_path, tmp_path)
    renewed = contents(tmp_path)
    assert {name for name in short if short[name] == renewed[name]} == set()
    assert made.exists()


def mounted(service: str) -> set[str]:
    """The volumes of a service that the first start fills."""
    names = {each.partition(":")[0] for each in COMPOSE[service].get("volumes", [])}
    return names & {"secrets", "tls", "keys", "clients"}


def test_services_mount_what_they_need_only() -> None:
    """The file of keys is the server's alone, and nobody who calls it has its private key."""
    assert {service: mounted(service) for service in COMPOSE if mounted(service)} == {
        "secrets": {"secrets", "tls", "keys", "clients"},
        "postgres": {"secrets"},
        "mlflow": {"secrets"},
        "server": {"secrets", "tls", "keys"},
        "monitor": {"clients"},
        "retrainer": {"secrets", "clients"},
        "prometheus": {"clients"},
    }


def test_callers_need_tls_and_keys_unless_that_is_turned_off() -> None:
    """By default, in every profile."""
    server = COMPOSE["server"]["environment"]
    assert server["HOUSING_AUTHENTICATION"] == "${HOUSING_AUTHENTICATION:-on}"
    text = json.dumps(COMPOSE)
    assert "password" not in text.lower().replace("postgres_password", "")
    merged = yaml.safe_load((ROOT / "docker-compose.yml").read_text("utf-8"))["x-encrypted"]
    assert server.items() >= merged.items()
