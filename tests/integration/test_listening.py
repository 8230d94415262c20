"""What listens where, of real processes: the ports that SECURITY.md lists; and the compose file's TLS and keys."""

import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest
import yaml

from housing import ports
from running import (
    PATIENCE,
    ROOT,
    HousingCommand,
    Service,
    free_ports,
    http_get,
    running_monitor,
    running_service,
    transport_or_skip,
    wait_for,
)

SCRIPTS = ROOT / "deploy/scripts"
SECURITY = (ROOT / "SECURITY.md").read_text("utf-8")
SHIPPED = {
    "grpc": ports.GRPC_PORT,
    "gateway": ports.GATEWAY_PORT,
    "metrics": ports.METRICS_PORT,
    "monitor": ports.MONITOR_PORT,
}
"""What everything that `housing up` starts listens on, by the setting that moves it."""
COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text("utf-8"))["services"]


def listening(command: HousingCommand) -> set[tuple[str, int]]:
    """Addresses and ports that a command and all its children listen on, over TCP and UDP."""
    process = psutil.Process(command.pid)
    found = [each for part in (process, *process.children(recursive=True)) for each in part.net_connections("inet")]
    open_ones = [each.laddr for each in found if each.status in {psutil.CONN_LISTEN, psutil.CONN_NONE}]
    return {(address.ip.removeprefix("::ffff:"), address.port) for address in open_ones}


@pytest.mark.parametrize("transport", ["grpc", "envoy"])
def test_service_listens_on_its_ports_only(transport: str, state_dir: Path, tmp_path: Path) -> None:
    """With all its processes: workers, the spare one, recorder and explainer; on loopback unless that is set."""
    settings = {"transport": transport_or_skip(transport), "explainer": "on", "spare_worker": "on"}
    with running_service(tmp_path, state_dir, **settings) as service:
        bound = {service.grpc_port, service.metrics_port} | ({service.gateway_port} - {0})
        assert len(bound) == (3 if transport == "envoy" else 2)
        assert listening(service.command) == {("127.0.0.1", port) for port in bound}


@contextmanager
def running_up(folder: Path, registry: Path, transport: str) -> Iterator[tuple[HousingCommand, set[int]]]:
    """Run `housing up` until the end of the block, from when all its parts run; yield it and its ports."""
    chosen = dict(zip(SHIPPED, free_ports(len(SHIPPED)), strict=True))
    settings: dict[str, object] = {f"{name}_port": port for name, port in chosen.items()}
    settings |= {f"{name}_dir": folder / name for name in ("state", "incoming", "accepted", "rejected")}
    settings |= {"transport": transport_or_skip(transport), "workers": 1, "log_level": "info", "grace_seconds": 120}
    environment = {f"HOUSING_{name.upper()}": str(value) for name, value in settings.items()}
    environment["MLFLOW_TRACKING_URI"] = f"sqlite:///{registry.absolute()}/mlflow.db"
    with HousingCommand("up", "--no-train", "--retrain", "--ready-timeout", "120", environment=environment) as command:
        command.wait_for("watching")
        yield command, set(chosen.values())


def parts_of(processes: list[psutil.Process]) -> set[str]:
    """What `housing up` has started, by the arguments of its commands."""
    lines = [" ".join(each.cmdline()) for each in processes]
    return {line.rpartition(" -m housing_cli ")[2] for line in lines if " -m housing_cli " in line}


@pytest.mark.parametrize("transport", ["grpc", "envoy"])
def test_up_listens_on_its_ports_only_and_leaves_nothing_when_killed(
    transport: str, state_dir: Path, tmp_path: Path
) -> None:
    """The ports that SECURITY.md lists, on loopback; `kill -9` ends every process, and closes every port."""
    assert set(map(str, SHIPPED.values())) == set(re.findall(r"^\| (\d+), (?!MLflow)", SECURITY, re.MULTILINE))
    with running_up(tmp_path, state_dir, transport) as (command, chosen):
        assert listening(command) == {("127.0.0.1", port) for port in chosen}
        children = psutil.Process(command.pid).children(recursive=True)
        assert parts_of(children) == {"serve", "monitor", "retrain watch"} | (
            {"gateway"} if transport == "grpc" else set()
        )
        command.send(signal.SIGKILL)
        assert command.exit_code() == -signal.SIGKILL
        _, alive = psutil.wait_procs(children, timeout=PATIENCE)
        assert not alive
        for port in chosen:
            socket.create_server(("127.0.0.1", port)).close()


@dataclass(frozen=True, slots=True, kw_only=True)
class Composed:
    """The compose file's server, as processes of this machine."""

    service: Service
    folder: Path
    """Holds the folders that are volumes in containers."""

    @property
    def trusting(self) -> dict[str, str]:
        """The variables of a caller."""
        key, authorities = self.folder / "keys/admin.key", self.folder / "tls/ca.pem"
        return {"HOUSING_API_KEY_FILE": str(key), "HOUSING_CA_FILE": str(authorities)}


def environment(service: str, folder: Path, *names: str) -> dict[str, object]:
    """Settings of a service of the compose file, with the folders of its volumes elsewhere."""
    found = COMPOSE[service]["environment"]
    chosen = {name: found[name].replace("/app", str(folder)) for name in names}
    return {name.removeprefix("HOUSING_").lower(): value for name, value in chosen.items()}


@pytest.fixture(scope="module", name="composed")
def composed_service(state_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Composed]:
    """The server with what the first start has made, and the compose file's settings for it."""
    folder = tmp_path_factory.mktemp("composed")
    for name in ("secrets", "tls", "keys", "clients"):
        (folder / name).mkdir()
    subprocess.run([sys.executable, SCRIPTS / "first_start.py", folder], check=True, capture_output=True)
    names = ("HOUSING_TLS_CERTIFICATE", "HOUSING_TLS_KEY", "HOUSING_KEYS_FILE", "HOUSING_GATEWAY_METRICS")
    settings = environment("server", folder, *names) | {"authentication": "on", "transport": transport_or_skip("envoy")}
    with running_service(folder / "server", state_dir, **settings) as service:
        service.command.wait_for("serving")
        yield Composed(service=service, folder=folder)


def test_composed_service_passes_the_check_with_its_key(composed: Composed) -> None:
    """That of a deployment: a price, health, model and metrics; without the key it fails."""
    command = [
        sys.executable,
        str(SCRIPTS / "check_service.py"),
        "--gateway",
        f"https://localhost:{composed.service.gateway_port}",
    ]

    def passed() -> bool | None:
        trusting = os.environ | composed.trusting
        return subprocess.run(command, env=trusting, check=False, capture_output=True).returncode == 0 or None

    assert wait_for(passed, "a service that passes, once it knows that its log is up")
    keyless = os.environ | {"HOUSING_CA_FILE": composed.trusting["HOUSING_CA_FILE"]}
    refused = subprocess.run(command, env=keyless, check=False, capture_output=True, text=True)
    assert refused.returncode == 1
    assert "CREDENTIALS_MISSING" in refused.stderr


def test_composed_service_answers_nobody_without_tls(composed: Composed) -> None:
    """On neither port, and what trusts another authority connects to neither."""
    for port in (composed.service.grpc_port, composed.service.gateway_port):
        with pytest.raises(httpx.HTTPError):
            http_get(f"http://127.0.0.1:{port}/health")
        with pytest.raises(httpx.ConnectError):
            http_get(f"https://127.0.0.1:{port}/health")


def test_composed_monitor_reads_with_its_key(composed: Composed) -> None:
    """Over TLS, with the role that it needs; it listens on one port."""
    names = ("HOUSING_CA_FILE", "HOUSING_API_KEY_FILE")
    settings = environment("monitor", composed.folder, *names) | {"grpc_host": "localhost"}
    with running_monitor(composed.service.grpc_port, composed.folder / "monitor", **settings) as monitor:
        assert listening(monitor.command) == {("127.0.0.1", monitor.port)}

        def served() -> bool | None:
            lines = composed.service.command.events("rpc")
            answered = {line["code"] for line in lines if line.get("caller") == "monitor"}
            assert "PERMISSION_DENIED" not in answered
            return True if "OK" in answered else None

        wait_for(served, "a call of the monitor that is answered")
