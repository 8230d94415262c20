"""Commands that end with the process that has started them."""

import signal
import subprocess
import sys

import psutil
import pytest

from housing.tether import tethered
from running import wait_for

PARENT = """
import subprocess, sys
from housing.tether import tethered
child = subprocess.Popen(tethered((sys.executable, "-c", "import time; time.sleep(600)")))
print(child.pid, flush=True)
child.wait()
"""


def test_command_runs_as_it_would_alone() -> None:
    """Its arguments and its exit code are its own."""
    command = (sys.executable, "-c", "import sys; print(sys.argv[1:]); sys.exit(7)", "a b", "--c")
    result = subprocess.run(tethered(command), capture_output=True, text=True, check=False)
    assert (result.returncode, result.stdout) == (7, "['a b', '--c']\n")


def test_command_may_write_to_a_terminal_that_stops_background_processes() -> None:
    """It is in a process group of its own, so it would be one of those (`stty tostop`)."""
    command = (sys.executable, "-c", "import signal; print(signal.getsignal(signal.SIGTTOU).name)")
    assert subprocess.run(tethered(command), capture_output=True, text=True, check=True).stdout == "SIG_IGN\n"


def test_command_ends_when_its_parent_is_killed() -> None:
    """Nobody would be left to stop it."""
    with subprocess.Popen([sys.executable, "-c", PARENT], stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        child = psutil.Process(int(parent.stdout.readline()))
        parent.kill()
    wait_for(lambda: True if _ended(child) else None, "the child's end")


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere its parent is looked for once it runs")
def test_command_whose_parent_is_dead_already_does_not_run() -> None:
    """It may have died in between."""
    command = list(tethered((sys.executable, "-c", "print('runs')"), signal.SIGKILL))
    command[4] = "1"  # not its parent, whoever that is
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (result.returncode, result.stdout) == (-signal.SIGKILL, "")


def _ended(process: psutil.Process) -> bool:
    try:
        return process.status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True
