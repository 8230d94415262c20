"""Running the pipeline in a work directory, as a child process that ends with this one."""

import os
import re
import subprocess
import sys
from collections import deque
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path

from housing.tether import tethered
from housing_retraining.errors import PipelineFailed

_STAGE = re.compile(r"Running stage '(?:[^']*:)?([\w-]+)'")
_KEPT_LINES = 40


class PipelineProcess:
    """One run of `dvc repro`."""

    def __init__(self, work: Path, environment: Mapping[str, str], *, when_idle: bool = False) -> None:
        """Create it; nothing runs yet.

        Args:
            work: the work directory.
            environment: environment variables in addition to those of this process.
            when_idle: whether it gets only processor time that no other process wants, where the system supports that.
        """
        self._work = work
        self._when_idle = when_idle
        self._environment = {**os.environ, "DVC_NO_ANALYTICS": "1", "PATH": _path(), **environment}
        self._process: subprocess.Popen[str] | None = None
        self._stopped = False

    def run(self, on_stage: Callable[[str], object], echo: Callable[[str], object]) -> None:
        """Run all stages that are out of date; those completed before a crash do not run again.

        Args:
            on_stage: called with the name of each stage that begins.
            echo: called with each line that it prints.

        Raises:
            PipelineFailed: a stage ended with an error, or it was stopped.
        """
        command = tethered((sys.executable, "-m", "dvc", "repro", "training/dvc.yaml"))
        last: deque[str] = deque(maxlen=_KEPT_LINES)
        with subprocess.Popen(
            command,
            cwd=self._work,
            env=self._environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
        ) as self._process:
            if self._when_idle:
                _run_when_idle(self._process.pid)
            assert self._process.stdout is not None  # noqa: S101 - for the type checker: it is a pipe
            for line in self._process.stdout:
                last.append(line)
                echo(line)
                if found := _STAGE.search(line):
                    on_stage(found[1])
        if self._process.returncode:
            raise PipelineFailed("it was stopped" if self._stopped else _reason(last))

    def stop(self) -> None:
        """Terminate it, from another thread; the stages end with it."""
        self._stopped = True
        if self._process is not None and self._process.poll() is None:
            self._process.terminate()


def _run_when_idle(pid: int) -> None:
    """Run a process, and those that it starts, only when processors are idle: a nice one still delays others."""
    if sys.platform == "linux":
        with suppress(OSError):  # not every container allows it
            os.sched_setscheduler(pid, os.SCHED_IDLE, os.sched_param(0))


def _path() -> str:
    """Return a PATH that begins with this Python: the pipeline's commands call `python`."""
    return os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)])


def _reason(lines: deque[str]) -> str:
    """Return the error among the last lines: the stage's own, which comes before DVC's."""
    kept = [line.strip() for line in lines if line.strip()]
    own = [line for line in kept if re.match(r"(Error: |\w+(\.\w+)*(Error|Exception): )", line)]
    return (own or kept or ["no reason given"])[-1][:500]
