"""Programs that tests run for real: finding them, starting them, waiting for what they say, stopping them."""

import json
import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, NoReturn, Protocol, Self, TypeVar

import httpx
import psutil
import pytest

from housing_server.asgi_transport.envoy import why_not

ROOT = Path(__file__).parents[1]
"""The repository."""

PATIENCE = 120.0
"""Seconds that anything may take to happen; only a failing test waits that long."""

T = TypeVar("T")


def has_ipv6() -> bool:
    """Return whether this machine has the loopback address of IPv6."""
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
    except OSError:
        return False
    return True


def tool(name: str, how: str) -> str:
    """Find a program; without it the test is skipped and says how to get it, but under CI it fails."""
    found = shutil.which(name, path=f"{ROOT / '.tools/bin'}{os.pathsep}{os.environ['PATH']}")
    return found or missing(f"{name} is missing: {how}")


def missing(reason: str) -> NoReturn:
    """Skip the test, since something that it needs is missing; under CI, fail."""
    if os.environ.get("CI"):
        pytest.fail(reason)
    pytest.skip(reason)


TRANSPORTS = ("grpc", "envoy")
"""What can carry the service's calls: values of HOUSING_TRANSPORT."""


def transport_or_skip(name: str) -> str:
    """Return a transport; where it does not run the test is skipped and says why, but under CI it fails."""
    reason = why_not() if name == "envoy" else None
    return name if reason is None else missing(reason)


def wait_for(look: Callable[[], T | None], what: str, patience: float = PATIENCE) -> T:
    """Look until there is something to see."""
    deadline = time.monotonic() + patience
    while (seen := look()) is None:
        assert time.monotonic() < deadline, f"{what}: not within {patience} s"
        time.sleep(0.02)
    return seen


@contextmanager
def port_of_nobody() -> Iterator[int]:
    """Yield a port on which nobody listens, and which nobody else can get until the end of the block."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield taken.getsockname()[1]


def free_ports(count: int) -> list[int]:
    """Return ports of loopback on which nobody listens.

    They are below those that the system hands out, so that no connection and no other test gets one of them meanwhile.
    """
    found: list[int] = []
    while len(found) < count:
        port = random.randrange(10_000, 32_000)  # noqa: S311 - nothing secret
        with suppress(OSError), socket.create_server(("127.0.0.1", port)):
            found += [port] if port not in found else []
    return found


def http_get(address: str, **options: Any) -> httpx.Response:
    """Get something over HTTP with the patience of a test: what httpx has by default is five seconds."""
    return httpx.get(address, timeout=PATIENCE, **options)


class HousingCommand:
    """A running `housing ...` command and the JSON lines it has logged: `with HousingCommand(...)`."""

    def __init__(self, *arguments: str, environment: Mapping[str, str] | None = None, folder: Path = ROOT) -> None:
        self._process = subprocess.Popen(  # pylint: disable=consider-using-with  # this object is the context manager
            [sys.executable, "-m", "housing_cli", *arguments],
            cwd=folder,
            env=os.environ | dict(environment or {}),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self._events: list[dict[str, Any]] = []
        self._lines: list[str] = []
        self._errors: list[str] = []
        self._readers = [
            threading.Thread(target=self._read_events, daemon=True),
            threading.Thread(target=self._read_errors, daemon=True),
        ]
        for reader in self._readers:
            reader.start()

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._process.pid

    @property
    def errors(self) -> str:
        """What it has written to standard error."""
        return "".join(self._errors)

    @property
    def output(self) -> str:
        """What it has written to standard output."""
        return "".join(self._lines)

    def events(self, name: str) -> list[dict[str, Any]]:
        """The events of a name that it has logged so far."""
        return [event for event in list(self._events) if event.get("event") == name]

    def wait_for(self, name: str, count: int = 1, patience: float = PATIENCE) -> dict[str, Any]:
        """Wait until it has logged an event of a name so many times; return the last of these."""

        def look() -> dict[str, Any] | None:
            found = self.events(name)
            if len(found) < count and self._process.poll() is not None:
                pytest.fail(f"ended with {self._process.returncode} before it logged {name!r}: {self.errors}")
            return found[count - 1] if len(found) >= count else None

        return wait_for(look, f"event {name!r}", patience)

    def send(self, number: signal.Signals) -> None:
        """Send it a signal."""
        self._process.send_signal(number)

    def exit_code(self) -> int:
        """Wait until it ends."""
        code = self._process.wait(PATIENCE)
        for reader in self._readers:
            reader.join(PATIENCE)
        return code

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._process.poll() is None:
            self.send(signal.SIGTERM)
        self.exit_code()

    def _read_events(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self._lines.append(line)
            if line.startswith("{"):
                self._events.append(json.loads(line))

    def _read_errors(self) -> None:
        assert self._process.stderr is not None
        self._errors.extend(self._process.stderr)


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """A running `housing serve`."""

    command: HousingCommand
    """The supervisor's command."""
    grpc_port: int
    """Port of the gRPC services."""
    metrics_port: int
    """Port of metrics, probes and the page."""
    gateway_port: int
    """Port of JSON, gRPC-Web and gRPC, where workers are inside Envoy; otherwise 0."""

    @property
    def target(self) -> str:
        """Where gRPC clients connect."""
        return f"127.0.0.1:{self.grpc_port}"


def serving_workers(service: Service) -> list[psutil.Process]:
    """The service's worker processes."""
    return [
        process
        for process in psutil.Process(service.command.pid).children()
        # A worker inside Envoy has become one.
        if not {"housing_server.processes.worker", "--config-path"}.isdisjoint(process.cmdline())
    ]


_FEW_PROCESSES = {"spare_worker": "off", "explainer": "off"}
"""A test starts what it is about: each of these costs half as much as all the rest of a service."""

_ANY_PACE = {"unresponsive_seconds": 120, "max_queue_seconds": 120, "swap_max_latency_ratio": 0, "grace_seconds": 120}
"""On a busy machine a process may be silent, and a call wait, for longer than a service should put up with."""


@contextmanager
def running_service(state_dir: Path, registry: Path | None = None, **settings: object) -> Iterator[Service]:
    """Run `housing serve` on free ports until the end of the block; without an explainer, unless it is asked for.

    Args:
        state_dir: the state folder.
        registry: another state folder, whose registry is read in the place of its own; what was fetched from it is
            copied, too.
        settings: `workers=2` sets HOUSING_WORKERS, and so on.
    """
    chosen = {"grpc_port": 0, "gateway_port": 0, "metrics_port": 0, "workers": 1, "state_dir": state_dir}
    chosen |= {"drain_seconds": 0} | _FEW_PROCESSES | _ANY_PACE | settings
    environment = {f"HOUSING_{name.upper()}": str(value) for name, value in chosen.items()}
    if registry is not None:
        environment["MLFLOW_TRACKING_URI"] = f"sqlite:///{registry.absolute()}/mlflow.db"
        if (registry / "models").exists() and not (state_dir / "models").exists():
            shutil.copytree(registry / "models", state_dir / "models")
    with HousingCommand("serve", environment=environment) as command:
        ports = command.wait_for("listening")
        command.wait_for("worker serving", int(str(chosen["workers"])))
        if chosen.get("prediction_log_mode") != "off":
            command.wait_for("recorder serving")
        yield Service(
            command=command,
            grpc_port=ports["grpc_port"],
            metrics_port=ports["metrics_port"],
            gateway_port=ports.get("gateway_port", 0),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Monitor:
    """A running `housing monitor`."""

    command: HousingCommand
    """Its command."""
    port: int
    """Port of its metrics."""


@contextmanager
def running_monitor(grpc_port: int, state_dir: Path, **settings: object) -> Iterator[Monitor]:
    """Run `housing monitor` on a free port until the end of the block; `drift_window_rows=9` sets that variable."""
    chosen = {"grpc_port": grpc_port, "monitor_port": 0, "monitor_seconds": 0.1, "state_dir": state_dir} | settings
    environment = {f"HOUSING_{name.upper()}": str(value) for name, value in chosen.items()}
    with HousingCommand("monitor", environment=environment) as command:
        yield Monitor(command=command, port=command.wait_for("listening")["monitor_port"])


class Upstream(Protocol):
    """What a gateway stands in front of."""

    @property
    def grpc_port(self) -> int:
        """Port of the gRPC services."""

    @property
    def metrics_port(self) -> int:
        """Port of metrics, probes and the page."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Gateway:
    """A running `housing gateway`."""

    command: HousingCommand
    """The launcher's command; its events include Envoy's access log."""
    port: int
    """The port it listens on."""


@contextmanager
def gateway_command(upstream: Upstream, state_dir: Path, **settings: object) -> Iterator[Gateway]:
    """Run `housing gateway` on a free port until the end of the block; `gateway_threads=1` sets that variable."""
    chosen = {
        "gateway_port": 0,
        "grpc_port": upstream.grpc_port,
        "metrics_port": upstream.metrics_port,
        "state_dir": state_dir,
        "gateway_drain_seconds": 0,
    } | settings
    environment = {f"HOUSING_{name.upper()}": str(value) for name, value in chosen.items()}
    with HousingCommand("gateway", environment=environment) as command:
        yield Gateway(command=command, port=int(command.wait_for("listening")["gateway_port"]))


@contextmanager
def running_gateway(service: Upstream, state_dir: Path) -> Iterator[int]:
    """Run `housing gateway` on a free port in front of a service until the end of the block; yield the port."""
    with gateway_command(service, state_dir) as gateway:
        health = f"http://127.0.0.1:{gateway.port}/health"
        wait_for(lambda: True if http_get(health).status_code == 200 else None, "a gateway that has found the service")
        yield gateway.port
