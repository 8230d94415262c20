"""`make containers` says that it has passed at its very end only, whatever else ends it."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from running import PATIENCE, ROOT

DOCKER = """#!/bin/sh
case $1 in
build)
    echo building it
    [ "$BUILD" = fails ] && exit 3
    read -r _ ;;
esac
"""
"""Stands in for Docker: it has an engine and all images, and builds until its input ends."""

DEFAULT_SIGNALS = """
import os, signal, sys
for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
    signal.signal(number, signal.SIG_DFL)
os.execv(sys.argv[1], sys.argv[1:])
"""
"""Runs a command that ignores no signal, as a job of a terminal: tests may run under `nohup`, which ignores one."""


@contextmanager
def building(folder: Path, build: str) -> Iterator[subprocess.Popen[str]]:
    """Run the script until it builds; it leads a process group, as a terminal's foreground job does."""
    program = folder / "docker"
    program.write_text(DOCKER, "utf-8")
    program.chmod(0o755)
    environment = {"PATH": f"{folder}:{os.environ['PATH']}", "HOUSING_CONTAINERS_DIR": str(folder), "BUILD": build}
    with subprocess.Popen(
        [sys.executable, "-c", DEFAULT_SIGNALS, ROOT / "deploy/scripts/containers.sh"],
        env=os.environ | environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as process:
        assert process.stdout is not None
        while "building it" not in (line := process.stdout.readline()):
            assert line, process.communicate()[1]
        yield process


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_interrupted_check_has_failed(number: signal.Signals, tmp_path: Path) -> None:
    """By Ctrl-C, by whoever has set a limit of time, or by a terminal that is closed."""
    with building(tmp_path, "takes long") as process:
        os.killpg(process.pid, number)
        output, errors = process.communicate(timeout=PATIENCE)
    assert process.returncode == 128 + number
    assert errors.splitlines()[-1] == f"containers: failed: interrupted by {number.name}"
    assert "passed" not in output


def test_failed_check_names_the_command(tmp_path: Path) -> None:
    """That it was running, and where."""
    with building(tmp_path, "fails") as process:
        output, errors = process.communicate(timeout=PATIENCE)
    assert process.returncode == 3
    last = errors.splitlines()[-1]
    assert last.startswith("containers: failed: line ")
    assert "docker" in last
    assert "passed" not in output
