"""`housing up`: children that start together, are ready together, and stop in order, whatever ends them."""

import json
import os
import shlex
import signal
import socket
import ssl
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import psutil
import pytest
from click.testing import CliRunner

from certificates import Certificates
from housing.rows import message_from_mapping
from housing_cli.main import main
from housing_cli.stack import Probe
from running import free_ports

PART = r"""
import os, signal, sys
name, how = sys.argv[1:]
def note(event):
    os.write(1, f"{name} {event}\n".encode())  # whole, or lines of several parts mix
def stop(number, frame):
    note(signal.Signals(number).name)
    if how != "ignore":
        sys.exit(0)
signal.signal(signal.SIGTERM, stop)
signal.signal(signal.SIGINT, stop)
note("started")
if how == "die":
    sys.exit(3)
while True:
    signal.pause()
"""

STACK = r"""
import os, sys
from housing_cli.stack import Part, Probe, Stack, StackError
part, port, server, first, grace, ready, monitor = sys.argv[1:]
def command(name, how="serve", vital=True):
    return Part(name=name, command=(sys.executable, "-c", part, name, how), vital=vital)
stack = Stack(
    first=(command("train", first),) if first else (),
    parts=(command("gateway"), command("server", server), *((command("monitor", vital=False),) if monitor else ())),
    probes=(Probe(host="127.0.0.1", port=int(port), path="/readyz"),),
    environment=os.environ,
    ready_seconds=float(ready),
    grace_seconds=float(grace),
)
try:
    stack.run(lambda: os.write(1, b"ready\n"), lambda warning: os.write(1, f"{warning}\n".encode()))
except StackError as error:
    sys.exit(str(error))
"""

ALL_UP = {"ready", "server started", "gateway started"}


class _Ready(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(self.server.answer)  # type: ignore[attr-defined]  # set by the fixture
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Log nothing."""


class _Page(ThreadingHTTPServer):
    """Answers every page with the same status."""

    answer = 200


@pytest.fixture
def page() -> Iterator[_Page]:
    """Serve a page that says that all is ready, unless its answer is changed."""
    with _Page(("127.0.0.1", 0), _Ready) as server:
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        yield server
        server.shutdown()


class _Run:
    """A stack in a process of its own, which leads a process group as a terminal's foreground job does.

    Its parts inherit its output, so that what they note can be awaited by reading.
    """

    def __init__(  # noqa: PLR0913 - each test sets one of them
        self,
        port: int,
        *,
        server: str = "serve",
        first: str = "",
        grace: float = 60,
        ready: float = 60,
        monitor: str = "",
    ):
        arguments = [PART, str(port), server, first, str(grace), str(ready), monitor]
        command = [sys.executable, "-c", STACK, *arguments]
        self.events: list[str] = []
        self.process = subprocess.Popen(  # pylint: disable=consider-using-with  # the fixture does
            command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
        )

    def wait_for(self, *events: str) -> None:
        """Read until all of these have been noted."""
        assert self.process.stdout is not None
        while not set(events) <= set(self.events):
            line = self.process.stdout.readline()
            assert line, f"ended after {self.events}: {self.process.communicate()[1]}"
            self.events.append(line.strip())

    def end(self) -> tuple[int, str]:
        """Read to the end, which comes when no child is left either; exit code and what was said on stderr."""
        output, error = self.process.communicate()
        self.events += output.splitlines()
        return self.process.returncode, error.strip()


@pytest.fixture
def run(page: _Page) -> Iterator[Callable[..., _Run]]:
    """Start a stack of fake parts; it is gone when the test is."""
    with ExitStack() as started:

        def start(**options: Any) -> _Run:
            run = _Run(page.server_port, **options)
            started.enter_context(run.process)
            started.callback(run.process.terminate)
            return run

        yield start


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_signals_stop_the_server_and_then_the_gateway(run: Callable[..., _Run], number: signal.Signals) -> None:
    """The whole process group is signalled, as by Ctrl-C; the parts see one SIGTERM each, in order."""
    stack = run()
    stack.wait_for(*ALL_UP)
    os.killpg(stack.process.pid, number)
    assert stack.end() == (0, "")
    assert set(stack.events[:3]) == ALL_UP
    assert stack.events[3:] == ["server SIGTERM", "gateway SIGTERM"]


def test_a_part_that_ends_by_itself_is_an_error(run: Callable[..., _Run]) -> None:
    """The error says which one and how, and nothing is left running."""
    assert run(server="die").end() == (1, "server ended with exit code 3; its own message is above")


def test_a_part_that_is_killed_stops_the_rest(run: Callable[..., _Run]) -> None:
    """The signal is named, and the other part is stopped as usual."""
    stack = run()
    stack.wait_for(*ALL_UP)
    (server,) = (child for child in psutil.Process(stack.process.pid).children() if "server" in child.cmdline())
    server.kill()
    assert stack.end() == (1, "server was killed by SIGKILL; its own message is above")
    assert stack.events[-1] == "gateway SIGTERM"


def test_a_part_that_is_not_vital_is_started_again(run: Callable[..., _Run]) -> None:
    """The rest goes on, a warning says so, and the one that was started last is stopped like any other."""
    stack = run(monitor="yes")
    stack.wait_for(*ALL_UP, "monitor started")
    (monitor,) = (child for child in psutil.Process(stack.process.pid).children() if "monitor" in child.cmdline())
    stack.events.remove("monitor started")
    monitor.kill()
    stack.wait_for("monitor was killed by SIGKILL; it is restarted in 1 seconds", "monitor started")
    stack.process.send_signal(signal.SIGTERM)
    assert stack.end() == (0, "")
    assert stack.events[-3:] == ["monitor SIGTERM", "server SIGTERM", "gateway SIGTERM"]


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere it takes a second longer, and a process in between")
def test_parts_stop_when_the_stack_is_killed(run: Callable[..., _Run]) -> None:
    """`kill -9` leaves nothing running: the system sends each part a SIGTERM."""
    stack = run()
    stack.wait_for(*ALL_UP)
    stack.process.kill()
    assert stack.end()[0] == -signal.SIGKILL
    assert set(stack.events[3:]) == {"server SIGTERM", "gateway SIGTERM"}


def test_a_first_command_that_fails_starts_nothing_else(run: Callable[..., _Run]) -> None:
    """Without a model there is nothing to serve."""
    stack = run(first="die")
    assert stack.end() == (1, "train ended with exit code 3; its own message is above")
    assert stack.events == ["train started"]


def test_a_signal_during_the_first_command_stops_it(run: Callable[..., _Run]) -> None:
    """Training is interrupted, and nothing is started after it."""
    stack = run(first="serve")
    stack.wait_for("train started")
    stack.process.send_signal(signal.SIGINT)
    assert stack.end() == (0, "")
    assert stack.events == ["train started", "train SIGTERM"]


def test_a_part_that_does_not_stop_is_killed(run: Callable[..., _Run]) -> None:
    """After its grace; the next part is then stopped as usual."""
    stack = run(server="ignore", grace=0.5)
    stack.wait_for(*ALL_UP)
    stack.process.send_signal(signal.SIGTERM)
    assert stack.end() == (0, "")
    assert stack.events[3:] == ["server SIGTERM", "gateway SIGTERM"]


def test_a_second_signal_kills_what_is_stopping(run: Callable[..., _Run]) -> None:
    """Ctrl-C again means now: the grace of a part that hangs is not waited for."""
    stack = run(server="ignore", grace=3600)
    stack.wait_for(*ALL_UP)
    stack.process.send_signal(signal.SIGINT)
    stack.wait_for("server SIGTERM")
    stack.process.send_signal(signal.SIGINT)
    assert stack.end() == (0, "")
    assert stack.events[-1] == "gateway SIGTERM"


def test_not_being_ready_in_time_is_an_error(run: Callable[..., _Run], page: _Page) -> None:
    """The page that did not answer is named."""
    page.answer = 503
    stack = run(ready=0.3)
    url = f"http://127.0.0.1:{page.server_port}/readyz"
    assert stack.end() == (1, f"{url} was not ready within 0.3 seconds")
    assert "ready" not in stack.events


def test_a_probe_takes_only_ok_for_an_answer(page: _Page) -> None:
    """Another status, another protocol and nobody at all are the same: not ready."""
    probe = Probe(host="127.0.0.1", port=page.server_port, path="/")
    assert probe.answers()
    page.answer = 503
    assert not probe.answers()
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
    assert not Probe(host="127.0.0.1", port=port, path="/").answers()


def test_a_probe_connects_by_tls(page: _Page, tmp_path: Path) -> None:
    """To a page whose authority it knows, and to no other."""
    ours, others = Certificates.make(tmp_path / "ours"), Certificates.make(tmp_path / "others")
    served = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    served.load_cert_chain(ours.folder / "certificate.pem", ours.folder / "key.pem")
    page.socket = served.wrap_socket(page.socket, server_side=True, do_handshake_on_connect=False)
    for certificates, trusted in ((ours, True), (others, False)):
        context = ssl.create_default_context(cafile=certificates.folder / "ca.pem")
        assert Probe(host="127.0.0.1", port=page.server_port, path="/", tls=context).answers() is trusted


SERVE = '''
import os, signal, sys, threading
from http.server import BaseHTTPRequestHandler, HTTPServer
import click

class Page(BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
    def log_message(self, *_): ...

def listen(variable, *more):
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(0))
    for each in more:
        threading.Thread(target=listening(each).serve_forever, daemon=True).start()
    listening(variable).serve_forever()

def listening(variable):
    return HTTPServer(("127.0.0.1", int(os.environ[variable])), Page)

@click.command()
def serve():
    """Serve."""
    listen("HOUSING_METRICS_PORT", *["HOUSING_GATEWAY_PORT"] * (os.environ["HOUSING_TRANSPORT"] == "envoy"))

@click.command()
def gateway():
    """Serve."""
    listen("HOUSING_GATEWAY_PORT")

@click.command()
def monitor():
    """Watch."""
    listen("HOUSING_MONITOR_PORT")

@click.command()
def train():
    """Train."""
    print("trained", flush=True)

@click.group()
def retrain():
    """Retrain."""

@retrain.command()
def watch():
    """Watch."""
    print("watching", flush=True)
    signal.pause()
'''


@pytest.fixture
def fake_parts(tmp_path: Path) -> Path:
    """Install commands of the same names before the real ones."""
    information = tmp_path / "fake_parts-1.0.dist-info"
    information.mkdir()
    (information / "METADATA").write_text("Metadata-Version: 2.1\nName: fake-parts\nVersion: 1.0\n")
    names = ("serve", "gateway", "monitor", "train", "retrain")
    (information / "entry_points.txt").write_text(
        "[housing.commands]\n" + "".join(f"{name} = fake_parts:{name}\n" for name in names)
    )
    (tmp_path / "fake_parts.py").write_text(SERVE)
    return tmp_path


@pytest.mark.parametrize("transport", ["grpc", "envoy"])
def test_up_trains_serves_prints_addresses_and_stops(fake_parts: Path, transport: str) -> None:
    """What is printed can be pasted: a curl line and a grpcurl line with a block group of the contract.

    With workers inside Envoy no gateway is started: it would find its port in use, and end.
    """
    grpc_port, gateway_port, metrics_port, monitor_port = free_ports(4)
    environment = os.environ | {
        "PYTHONPATH": str(fake_parts),
        "HOUSING_TRANSPORT": transport,
        "HOUSING_GRPC_PORT": str(grpc_port),
        "HOUSING_GATEWAY_PORT": str(gateway_port),
        "HOUSING_METRICS_PORT": str(metrics_port),
        "HOUSING_MONITOR_PORT": str(monitor_port),
    }
    command = [sys.executable, "-m", "housing_cli", "up"]
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        lines = []
        for line in process.stdout:
            lines.append(line)
            if line == "watching\n":  # which it begins to do once all else is ready
                process.send_signal(signal.SIGINT)
    assert process.returncode == 0
    assert lines[0] == "trained\n"
    assert lines[-1] == "stopped\n"
    curl = shlex.split(next(line for line in lines if line.startswith("curl")))
    assert curl[1] == f"http://127.0.0.1:{gateway_port}/api/predict"
    assert message_from_mapping(json.loads(curl[-1])).longitude == -122.23
    grpcurl = shlex.split(next(line for line in lines if line.startswith("grpcurl")))
    assert grpcurl[-2:] == [f"127.0.0.1:{grpc_port}", "housing.v1.PredictionService/Predict"]
    assert json.loads(grpcurl[3])["block_group"] == json.loads(curl[-1])


def test_all_ports_in_use_are_found_before_training() -> None:
    """The message says which ports, and which variable moves each."""
    with socket.create_server(("127.0.0.1", 0)) as taken, socket.create_server(("127.0.0.1", 0)) as other:
        ports = {"HOUSING_GRPC_PORT": taken.getsockname()[1], "HOUSING_MONITOR_PORT": other.getsockname()[1]}
        result = CliRunner().invoke(main, ["up"], env={name: str(port) for name, port in ports.items()})
    assert result.exit_code == 1
    for name, port in ports.items():
        assert f"port {port} of 127.0.0.1 is not available (Address already in use)" in result.stderr
        assert name in result.stderr
