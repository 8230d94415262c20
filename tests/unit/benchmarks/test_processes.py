"""Servers that run for the time of a block."""

from itertools import count
from pathlib import Path

import psutil
import pytest

from housing_benchmarks.errors import ServerNotReady
from housing_benchmarks.processes import PYTHON, Command, Usage, running, says, usage_of, wait_until_idle

CHILD = "import time; print('ready', flush=True); time.sleep(600)"
PARENT = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {CHILD!r}])"


def command(code: str) -> Command:
    """Run Python code as a server."""
    return Command(arguments=[PYTHON, "-c", code], environment={})


def alive(process: psutil.Process) -> bool:
    """Return whether a process is still running; a zombie is not."""
    try:
        return bool(process.status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


def test_children_are_counted_and_stopped(tmp_path: Path) -> None:
    """What a server has started belongs to it: it is measured with it, and does not outlive the block."""
    with running(command(PARENT), tmp_path / "log", says("ready")) as server:
        processes = server.processes()
        assert len(processes) == 2
        assert usage_of([server]).rss_bytes >= processes[1].memory_info().rss > 0
    assert not any(map(alive, processes))


def test_server_that_ends_is_told_with_its_last_words(tmp_path: Path) -> None:
    """Nobody waits for a server that has given up."""
    with (
        pytest.raises(ServerNotReady, match=r"ended with 3: no model"),
        running(command("print('no model', flush=True); raise SystemExit(3)"), tmp_path / "log", says("ready")),
    ):
        pass


def test_server_that_is_not_ready_in_time_is_stopped(tmp_path: Path) -> None:
    """A server that hangs is an error, and is gone afterwards."""
    before = {process.pid for process in psutil.Process().children(recursive=True)}
    with (
        pytest.raises(ServerNotReady, match="not ready in time"),
        running(command("import time; time.sleep(600)"), tmp_path / "log", says("ready"), patience=0),
    ):
        pass
    assert {process.pid for process in psutil.Process().children(recursive=True)} <= before


def test_busy_server_is_waited_for() -> None:
    """A server that still starts other workers is not measured yet."""
    used = iter((0.0, 1.0, 1.0, 2.0, 2.0, 2.0, 9.0))
    wait_until_idle(lambda: Usage(cpu_seconds=next(used), rss_bytes=0), patience=60, look_seconds=0.001)
    assert next(used) == 9.0


def test_server_that_is_never_idle_is_measured_all_the_same() -> None:
    """Patience ends."""
    used = count()
    wait_until_idle(lambda: Usage(cpu_seconds=next(used), rss_bytes=0), patience=0.01, look_seconds=0.001)
    assert next(used) > 0
