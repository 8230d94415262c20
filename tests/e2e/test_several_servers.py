"""A rehearsal of what happens to servers in a cluster: three behind the gateway's own configuration, under load.

The gateway finds them as it finds the pods behind a headless service: several addresses, one port. No call may fail
while servers are restarted one after the other, killed, frozen and slowed down.
"""

import os
import re
import signal
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import psutil
import pytest

from registries import make_income_registry, shared_registry
from running import Gateway, Service, gateway_command, http_get, port_of_nobody, running_service, wait_for
from steady_load import Load

pytestmark = [
    pytest.mark.external,
    pytest.mark.skipif("REHEARSE" not in os.environ, reason="takes a minute: `make rehearse` runs it"),
]

HOSTS = ("127.0.0.1", "127.0.0.2", "127.0.0.3")


@dataclass
class Server:
    """One of several servers, which can be started again."""

    host: str
    port: int
    folder: Path
    registry: Path
    _running: ExitStack = field(default_factory=ExitStack)
    service: Service | None = None

    def start(self) -> None:
        """Start it, and wait until it serves."""
        settings = {"host": self.host, "grpc_port": self.port, "prediction_log_mode": "off", "drain_seconds": 3}
        self.service = self._running.enter_context(running_service(self.folder, self.registry, **settings))

    def stop(self) -> None:
        """Stop it as an orchestrator does, with SIGTERM and time to finish."""
        self._running.close()
        self.service = None

    @property
    def processes(self) -> list[psutil.Process]:
        """Its processes, the supervisor first."""
        assert self.service is not None
        supervisor = psutil.Process(self.service.command.pid)
        return [supervisor, *supervisor.children(recursive=True)]

    def send(self, number: signal.Signals) -> None:
        """Send all its processes a signal."""
        for process in self.processes:
            process.send_signal(number)

    def predictions(self) -> float:
        """The predictions that it has counted since it started."""
        assert self.service is not None
        text = http_get(f"http://127.0.0.1:{self.service.metrics_port}/metrics").text
        return sum(map(float, re.findall(r"^housing_predictions_total{.*} (\S+)$", text, re.MULTILINE)))


def healthy(gateway: Gateway) -> int:
    """The servers that the gateway calls."""
    text = http_get(f"http://127.0.0.1:{gateway.port}/gateway/metrics").text
    found = re.search(r"^envoy_cluster_membership_healthy{.*prediction.*} (\d+)$", text, re.MULTILINE)
    return int(found[1]) if found else 0


def wait_until_healthy(gateway: Gateway, count: int) -> None:
    """Wait until the gateway calls so many servers."""
    wait_for(lambda: True if healthy(gateway) == count else None, f"{count} healthy servers")


def shares(servers: list[Server], load: Load, calls: int) -> list[float]:
    """Count the predictions of each server while every caller is answered so many times."""
    before = [server.predictions() for server in servers]
    load.wait_for_all(calls)
    return [server.predictions() - earlier for server, earlier in zip(servers, before, strict=True)]


def spread_evenly(servers: list[Server], load: Load) -> bool | None:
    """Return True if no server gets 10 % more or less than its share; a server that starts gets less for a while."""
    counts = shares(servers, load, 100)
    mean = sum(counts) / len(counts)
    return True if max(abs(count - mean) for count in counts) <= 0.1 * mean else None


@contextmanager
def slowed(server: Server) -> Iterator[None]:
    """Let a server run a third of the time until the end of the block."""
    ending, processes = threading.Event(), server.processes

    def alternate() -> None:
        while not ending.is_set():
            for number, seconds in ((signal.SIGSTOP, 0.1), (signal.SIGCONT, 0.05)):
                for process in processes:
                    process.send_signal(number)
                ending.wait(seconds)
        for process in processes:
            process.send_signal(signal.SIGCONT)

    thread = threading.Thread(target=alternate)
    thread.start()
    try:
        yield
    finally:
        ending.set()
        thread.join()


@pytest.fixture
def servers(tmp_path: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Server]]:
    """Three running servers with one port and an address each."""
    registry = shared_registry(tmp_path_factory, "income", make_income_registry)
    with port_of_nobody() as port:
        pass
    with ExitStack() as running:
        started = []
        for number, host in enumerate(HOSTS):
            server = Server(host=host, port=port, folder=tmp_path / str(number), registry=registry)
            running.callback(server.stop)
            server.start()
            started.append(server)
        yield started


def test_no_call_fails_while_servers_come_and_go(servers: list[Server], tmp_path: Path) -> None:
    """Calls are spread evenly, and those of a server that goes, hangs or is slow are answered by another."""

    class Upstream:
        """All three."""

        grpc_port = servers[0].port
        metrics_port = servers[0].service.metrics_port if servers[0].service else 0

    settings = {"grpc_host": ",".join(HOSTS), "gateway_threads": 1, "gateway_metrics": "on"}
    with gateway_command(Upstream(), tmp_path / "gateway", **settings) as gateway:
        wait_until_healthy(gateway, len(HOSTS))
        with Load(f"127.0.0.1:{gateway.port}") as load:
            wait_for(lambda: spread_evenly(servers, load), "calls spread within 10 %")

            for server in servers:  # a rolling restart
                server.stop()
                server.start()
                wait_until_healthy(gateway, len(HOSTS))
            load.wait_for_all(10)

            servers[0].send(signal.SIGKILL)
            load.wait_for_all(20)
            servers[0].stop()
            servers[0].start()
            wait_until_healthy(gateway, len(HOSTS))

            servers[1].send(signal.SIGSTOP)
            wait_until_healthy(gateway, len(HOSTS) - 1)
            load.wait_for_all(20)
            servers[1].send(signal.SIGCONT)
            wait_until_healthy(gateway, len(HOSTS))

            with slowed(servers[2]):
                load.wait_for_all(50)
        assert not load.failures
