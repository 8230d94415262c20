"""Servers that run during a block, and the resources that their processes use."""

import os
import shlex
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

import psutil

from housing_benchmarks.errors import ServerNotReady
from housing_benchmarks.programs import ROOT, last_lines

_TICK = 0.05
_STOP_SECONDS = 15.0
"""How long a server may take to stop before it is killed."""
_IDLE_CORES = 0.4
"""Some servers keep polling their own processes."""

_LEFT_BEHIND_SECONDS = 3.0
"""How long processes that a server leaves behind may take to stop."""

PYTHON = sys.executable

HOUSING = (PYTHON, "-m", "housing_cli")
"""The project's command."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """Resources used by processes."""

    cpu_seconds: float
    """User and system time since their start."""
    rss_bytes: int
    """Resident memory; shared pages count once per process."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """How to start a server."""

    arguments: Sequence[str | Path]
    environment: Mapping[str, str]
    """Additional environment variables."""
    folder: Path = ROOT
    """Its working directory."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    """A running server."""

    pid: int
    """Its first process."""
    log: Path
    """File of its standard output and standard error."""
    ready_seconds: float
    """Time from its start until it was ready."""

    def processes(self) -> list[psutil.Process]:
        """Return its processes: the first one and all its descendants."""
        try:
            first = psutil.Process(self.pid)
            return [first, *first.children(recursive=True)]
        except psutil.NoSuchProcess:
            return []


def usage_of(servers: Iterable[Server]) -> Usage:
    """Return the total usage of the processes of some servers."""
    cpu, rss = 0.0, 0
    for process in [each for server in servers for each in server.processes()]:
        try:
            times = process.cpu_times()
            cpu += times.user + times.system
            rss += process.memory_info().rss
        except psutil.NoSuchProcess:
            continue
    return Usage(cpu_seconds=cpu, rss_bytes=rss)


def wait_until_idle(usage: Callable[[], Usage], *, patience: float, look_seconds: float = 1.0) -> None:
    """Wait until a server without load is nearly idle, so that everything it starts is ready.

    Args:
        usage: returns its usage so far.
        patience: seconds after which to stop waiting.
        look_seconds: interval over which its processor time is measured.
    """
    deadline = time.monotonic() + patience
    while time.monotonic() < deadline:
        before = usage().cpu_seconds
        time.sleep(look_seconds)
        if usage().cpu_seconds - before < _IDLE_CORES * look_seconds:
            return


@contextmanager
def running(command: Command, log: Path, ready: Callable[[Path], bool], *, patience: float = 60.0) -> Iterator[Server]:
    """Start a server, yield it once it is ready, and stop it at the end of the block.

    Args:
        command: how to start it.
        log: the file for its output.
        ready: returns whether it is ready, given the log.
        patience: seconds that it may take to become ready.

    Raises:
        ServerNotReady: it exited or was not ready in time; the message has the last lines of its log.
    """
    started = time.monotonic()
    with log.open("wb") as output:
        process = subprocess.Popen(  # pylint: disable=consider-using-with  # stopped below, however the block ends
            command.arguments,
            cwd=command.folder,
            env=os.environ | dict(command.environment),
            stdout=output,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
            process_group=0,  # Ctrl-C reaches only this process, which then stops the server
        )
    try:
        _wait_until_ready(command, process, log, ready, started + patience)
        yield Server(pid=process.pid, log=log, ready_seconds=time.monotonic() - started)
    finally:
        _stop(process)


def _wait_until_ready(
    command: Command, process: subprocess.Popen[bytes], log: Path, ready: Callable[[Path], bool], deadline: float
) -> None:
    while not ready(log):
        ended = process.poll()
        if ended is None and time.monotonic() < deadline:
            time.sleep(_TICK)
            continue
        why = "is not ready in time" if ended is None else f"ended with {ended}"
        raise ServerNotReady(
            f"{shlex.join(map(str, command.arguments))} {why}: {last_lines(log.read_text('utf-8', 'replace'))}"
        )


def _stop(process: subprocess.Popen[bytes]) -> None:
    """Terminate the first process, then its remaining descendants, and kill those that do not exit."""
    family = Server(pid=process.pid, log=Path(os.devnull), ready_seconds=0).processes()
    process.send_signal(signal.SIGTERM)
    with suppress(subprocess.TimeoutExpired):
        process.wait(_STOP_SECONDS)
    for end in (psutil.Process.terminate, psutil.Process.kill):
        for each in psutil.wait_procs(family, timeout=0)[1]:
            with suppress(psutil.NoSuchProcess):
                end(each)
        psutil.wait_procs(family, timeout=_LEFT_BEHIND_SECONDS)
    process.wait()


def free_port() -> int:
    """Return a free port of the loopback address."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def says(text: str, times: int = 1) -> Callable[[Path], bool]:
    """Return a check whether a server has written a text `times` times."""
    return lambda log: log.read_text("utf-8", "replace").count(text) >= times


def answers(url: str) -> Callable[[Path], bool]:
    """Return a check whether a server responds to GET with success."""

    def check(_log: Path) -> bool:
        try:
            with urlopen(url, timeout=1):  # noqa: S310 - a loopback address, made here
                return True
        except (URLError, OSError):
            return False

    return check
