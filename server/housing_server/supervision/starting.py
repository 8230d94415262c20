"""Starting the service's processes: a program, its end of the control socket, its environment."""

import asyncio
import os
import socket
import sys
from asyncio.subprocess import Process
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from prometheus_client import multiprocess

from housing_server.control.channel import ControlChannel
from housing_server.supervision.programs import LAUNCH


class RunningProcess(Protocol):
    """What the supervisor needs of a process; see `asyncio.subprocess.Process`."""

    @property
    def pid(self) -> int:
        """Its process id."""

    async def wait(self) -> int:
        """Wait until it ends; return its exit code."""

    def kill(self) -> None:
        """End it at once."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Started:
    """A process that runs."""

    process: RunningProcess
    """The process."""
    control: ControlChannel
    """The supervisor's end of its control socket."""


class Starter(Protocol):
    """Starts programs, and removes what they leave behind."""

    async def start(self, module: str, environment: Mapping[str, str] | None) -> Started:
        """Start a program, with environment variables of its own or, by None, those of this process.

        Raises:
            OSError: the system refuses: no process, no memory, no file descriptor is available.
        """

    def clean_up(self, name: str) -> None:
        """Remove the gauges of a process that has ended; its counters are continued by its successor."""


class ProcessStarter:
    """Starts the service's programs as child processes."""

    def __init__(self, metrics_dir: Path) -> None:
        """Prepare to start.

        Args:
            metrics_dir: where processes keep their metrics' files.
        """
        self._metrics_dir = metrics_dir

    async def start(self, module: str, environment: Mapping[str, str] | None) -> Started:
        """Start a program; its argument is the number of its end of the control socket."""
        ours, theirs = socket.socketpair()
        with theirs:
            try:
                process = await self._execute(module, theirs, os.environ if environment is None else environment)
            except BaseException:
                ours.close()
                raise
        return Started(process=process, control=await ControlChannel.open(ours))

    async def _execute(self, module: str, end: socket.socket, environment: Mapping[str, str]) -> Process:
        return await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", LAUNCH, module, str(end.fileno())),
            pass_fds=[end.fileno()],
            env=self._extended(environment),
            # Out of reach of the terminal's Ctrl-C: only the supervisor says when to stop.
            start_new_session=True,
        )

    def _extended(self, environment: Mapping[str, str]) -> dict[str, str]:
        return {
            # glibc would keep what is freed in eight arenas a processor, for threads of which two run at a time.
            "MALLOC_ARENA_MAX": "2",
            **environment,
            "PROMETHEUS_MULTIPROC_DIR": str(self._metrics_dir),
            "ORT_DISABLE_TELEMETRY": "1",  # ONNX Runtime would report its use to its makers
        }

    def clean_up(self, name: str) -> None:
        """Remove the gauges of a process that has ended; its counters are continued by its successor."""
        multiprocess.mark_process_dead(name, str(self._metrics_dir))  # type: ignore[no-untyped-call]
