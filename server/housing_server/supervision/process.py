"""A child process of the service, as the supervisor sees it: started, told things, started again when it dies."""

import asyncio
import os
import socket
import sys
from abc import ABC, abstractmethod
from asyncio.subprocess import Process
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path

import structlog
from prometheus_client import multiprocess

from housing_server.control.messages import ControlChannel, Drain, Message

_LONGEST_PAUSE_SECONDS = 5.0
_FIRST_PAUSE_SECONDS = 0.1


class SupervisedProcess(ABC):
    """Keeps one process running until it is told to drain."""

    def __init__(  # noqa: PLR0913 - what it is made of
        self,
        name: str,
        module: str,
        metrics_dir: Path,
        log: structlog.typing.FilteringBoundLogger,
        on_change: Callable[[], None],
        *,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        """Prepare to run; nothing runs yet.

        Args:
            name: what metrics and logs call it.
            module: what to run; it gets the number of its end of the control socket as its argument.
            metrics_dir: where processes keep their metrics' files.
            log: is told of starts and ends.
            on_change: called after the process began or ceased to serve, or said something else.
            environment: its environment variables; None for those of this process.
        """
        self.name = name
        """What metrics and logs call it."""
        self.restarts = 0
        """How often it has been started again."""
        self.exit_code: int | None = None
        """How it ended the last time; None when it never did."""
        self._module = module
        # glibc would keep what is freed in eight arenas a processor, for threads of which at most two run at a time.
        self._environment = {"MALLOC_ARENA_MAX": "2"} | dict(os.environ if environment is None else environment)
        # ONNX Runtime would report its use to its makers.
        self._environment |= {"PROMETHEUS_MULTIPROC_DIR": str(metrics_dir), "ORT_DISABLE_TELEMETRY": "1"}
        self._metrics_dir = metrics_dir
        self._log = log.bind(child=name)
        self._on_change = on_change
        self._process: Process | None = None
        self._control: ControlChannel | None = None
        self._draining = asyncio.Event()

    @property
    def pid(self) -> int | None:
        """Its process id; None while it does not run."""
        return self._process.pid if self._process is not None else None

    @property
    @abstractmethod
    def serving(self) -> bool:
        """Whether it does what it is there for."""

    @abstractmethod
    def configuration(self) -> Message:
        """What it is told first of all."""

    @abstractmethod
    def heard(self, message: Message) -> None:
        """Take note of what it says."""

    @abstractmethod
    def gone(self) -> None:
        """Take note that it has ended."""

    async def keep_running(self) -> None:
        """Start it, and start it again whenever it ends, until it was told to drain."""
        failures = 0
        while not self._draining.is_set():
            served = await self.run_once()
            if self._draining.is_set():
                return
            self.restarts += 1
            # One that served is started again at once; one that dies again and again is not worth all the processor.
            failures = 0 if served else failures + 1
            await self._pause(failures)

    def drain(self) -> None:
        """Have it finish what it does and exit, and start no other."""
        self._draining.set()
        self.send(Drain())

    def kill(self) -> None:
        """End it at once."""
        if self._process is not None:
            with suppress(ProcessLookupError):
                self._process.kill()

    def send(self, message: Message) -> None:
        """Send it a message, if it runs."""
        if self._control is not None:
            self._control.send(message)

    async def run_once(self) -> bool:
        """Run one process from start to end; tell whether it served."""
        ours, theirs = socket.socketpair()
        with theirs:
            self._process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "housing_server.processes.launch", self._module, str(theirs.fileno())),
                pass_fds=[theirs.fileno()],
                env=self._environment,
                # Out of reach of the terminal's Ctrl-C: only the supervisor says when to stop.
                start_new_session=True,
            )
        self._control = await ControlChannel.open(ours)
        self.send(self.configuration())
        if self._draining.is_set():  # told to while it was being started
            self.send(Drain())
        served = await self._listen(self._control)
        self._ended(await self._process.wait())
        return served

    async def _listen(self, control: ControlChannel) -> bool:
        served = False
        async for message in control:
            self.heard(message)
            served = served or self.serving
            self._on_change()
        control.close()
        return served

    def _ended(self, code: int) -> None:
        log = self._log.info if self._draining.is_set() else self._log.error
        log("process ended", pid=self.pid, exit_code=code)
        self._process = self._control = None
        self.exit_code = code
        self.gone()
        # Its counters are continued by its successor; gauges of a process that is gone must not stay.
        multiprocess.mark_process_dead(self.name, str(self._metrics_dir))  # type: ignore[no-untyped-call]
        self._on_change()

    async def _pause(self, failures: int) -> None:
        seconds = min(_FIRST_PAUSE_SECONDS * 2**failures, _LONGEST_PAUSE_SECONDS) if failures else 0
        try:
            await asyncio.wait_for(self._draining.wait(), seconds)
        except TimeoutError:
            return
