"""Starting of processes: a program, its end of the control socket, its environment."""

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
    """The part of `asyncio.subprocess.Process` that the supervisor uses."""

    @property
    def pid(self) -> int:
        """Its process id."""

    async def wait(self) -> int:
        """Wait until it ends; return its exit code."""

    def kill(self) -> None:
        """Kill it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Started:
    """A running process."""

    process: RunningProcess
    control: ControlChannel
    """The supervisor's end of its control socket."""


class Starter(Protocol):
    """Starts programs, and cleans up after them."""

    async def start(self, module: str, environment: Mapping[str, str] | None) -> Started:
        """Start a program, with its own environment variables, or None to inherit.

        Raises:
            OSError: the system refuses: processes, memory or file descriptors are exhausted.
        """

    def clean_up(self, name: str) -> None:
        """Remove the gauges of a process that has ended; its counters are continued by its successor."""


class ProcessStarter:
    """Starts the service's programs as child processes."""

    def __init__(self, metrics_dir: Path) -> None:
        """Create a starter.

        Args:
            metrics_dir: folder of the processes' metrics files.
        """
        self._metrics_dir = metrics_dir

    async def start(self, module: str, environment: Mapping[str, str] | None) -> Started:
        """Start a program; its argument is the file descriptor of its end of the control socket."""
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
            # Out of reach of the terminal's Ctrl-C: only the supervisor stops it. In a session of its own, its niceness
            # would mean nothing: Linux shares processors among sessions first (autogroups, sched(7)).
            process_group=0,
        )

    def _extended(self, environment: Mapping[str, str]) -> dict[str, str]:
        return {
            # glibc would keep freed memory in eight arenas per processor, although only two threads run at a time.
            "MALLOC_ARENA_MAX": "2",
            # The buffers of large messages are returned when they are freed; glibc would keep them once some have been.
            "MALLOC_MMAP_THRESHOLD_": "131072",
            **environment,
            "PROMETHEUS_MULTIPROC_DIR": str(self._metrics_dir),
            "ORT_DISABLE_TELEMETRY": "1",  # ONNX Runtime would send usage data
        }

    def clean_up(self, name: str) -> None:
        """Remove the gauges of a process that has ended; its counters are continued by its successor."""
        multiprocess.mark_process_dead(name, str(self._metrics_dir))  # type: ignore[no-untyped-call]
