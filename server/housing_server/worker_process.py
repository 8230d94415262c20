"""A slot for one worker process, as the supervisor sees it: started, told things, started again when it dies."""

import asyncio
import os
import socket
import sys
from asyncio.subprocess import Process
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import structlog
from prometheus_client import multiprocess

from housing_server.control import (
    Configure,
    ControlChannel,
    DiscardModel,
    Drain,
    LoadFailed,
    LoadModel,
    Message,
    Prepared,
    PrepareModel,
    Serving,
)

_LONGEST_PAUSE_SECONDS = 5.0
_FIRST_PAUSE_SECONDS = 0.1
_PREPARING_SECONDS = 180.0


class WorkerProcess:
    """Keeps one worker running until it is told to drain."""

    def __init__(
        self,
        config: Configure,
        metrics_dir: Path,
        log: structlog.typing.FilteringBoundLogger,
        on_change: Callable[[], None],
    ) -> None:
        """Prepare a slot; nothing runs yet.

        Args:
            config: how the worker serves.
            metrics_dir: where workers keep their metrics' files.
            log: is told of starts and ends.
            on_change: called after the worker began or ceased to serve, or refused a model.
        """
        self.restarts = 0
        """How often the worker has been started again."""
        self.model_version: str | None = None
        """Version of the model it serves; None while it does not serve."""
        self.refusal: str | None = None
        """Why it refused the last model; None when it did not."""
        self._config = config
        # ONNX Runtime would report its use to its makers.
        self._environment = os.environ | {
            "PROMETHEUS_MULTIPROC_DIR": str(metrics_dir),
            "ORT_DISABLE_TELEMETRY": "1",
        }
        self._metrics_dir = metrics_dir
        self._log = log.bind(worker=config.slot)
        self._on_change = on_change
        self._process: Process | None = None
        self._control: ControlChannel | None = None
        self._preparing: asyncio.Future[str | None] | None = None
        self._draining = asyncio.Event()

    @property
    def name(self) -> str:
        """What metrics and logs call it."""
        return f"worker-{self._config.slot}"

    @property
    def pid(self) -> int | None:
        """Its process id; None while it does not run."""
        return self._process.pid if self._process is not None else None

    async def keep_running(self) -> None:
        """Start the worker, and start it again whenever it ends, until it was told to drain."""
        failures = 0
        while not self._draining.is_set():
            served = await self._run_once()
            if self._draining.is_set():
                return
            self.restarts += 1
            # One that served is started again at once; one that dies again and again is not worth all the processor.
            failures = 0 if served else failures + 1
            await self._pause(failures)

    async def prepare(self, folder: Path) -> str | None:
        """Have the running worker load a model beside the one it serves.

        Returns:
            Why it refused; None when it has the model at hand. A worker that does not run, or ends meanwhile, refuses
            nothing: the one that follows it loads what is to be served by then.
        """
        if self._control is None:
            return None
        self._preparing = asyncio.get_running_loop().create_future()
        self._control.send(PrepareModel(folder=str(folder)))
        try:
            return await asyncio.wait_for(self._preparing, _PREPARING_SECONDS)
        except TimeoutError:
            return f"{self.name} has not loaded {folder} within {_PREPARING_SECONDS:g} s"

    def discard(self) -> None:
        """Have the worker forget the model that it has prepared."""
        self.send(DiscardModel())

    def load(self, folder: Path) -> None:
        """Have this model served from now on, by the running worker and by those that follow it."""
        self._config = replace(self._config, model_folder=str(folder))
        self.send(LoadModel(folder=str(folder)))

    def drain(self) -> None:
        """Have the worker finish its calls and exit, and start no other."""
        self._draining.set()
        self.send(Drain())

    def kill(self) -> None:
        """End the worker at once."""
        if self._process is not None:
            with suppress(ProcessLookupError):
                self._process.kill()

    def send(self, message: Message) -> None:
        """Send a message to the worker, if it runs."""
        if self._control is not None:
            self._control.send(message)

    async def _run_once(self) -> bool:
        """Run one process from start to end; tell whether it served."""
        ours, theirs = socket.socketpair()
        with theirs:
            self._process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "housing_server.worker", str(theirs.fileno())),
                pass_fds=[theirs.fileno()],
                env=self._environment,
                # Out of reach of the terminal's Ctrl-C: only the supervisor says when to stop.
                start_new_session=True,
            )
        self._control = await ControlChannel.open(ours)
        self.send(self._config)
        if self._draining.is_set():  # told to while it was being started
            self.send(Drain())
        served = await self._listen(self._control)
        self._ended(await self._process.wait())
        return served

    async def _listen(self, control: ControlChannel) -> bool:
        served = False
        async for message in control:
            match message:
                case Serving(model_version=version):
                    served = True
                    self.model_version, self.refusal = version, None
                    self._log.info("worker serving", pid=self.pid, model_version=version)
                case Prepared():
                    self._end_preparing(None)
                case LoadFailed(reason=reason):
                    self.refusal = reason
                    self._end_preparing(reason)
                    self._log.error("worker refused the model", pid=self.pid, reason=reason)
            self._on_change()
        control.close()
        return served

    def _end_preparing(self, refusal: str | None) -> None:
        if self._preparing is not None and not self._preparing.done():
            self._preparing.set_result(refusal)

    def _ended(self, code: int) -> None:
        log = self._log.info if self._draining.is_set() else self._log.error
        log("worker ended", pid=self.pid, exit_code=code)
        self._process = self._control = self.model_version = None
        self._end_preparing(None)
        # Its counters are continued by the next worker in this slot; gauges of a process that is gone must not stay.
        multiprocess.mark_process_dead(self._config.slot, str(self._metrics_dir))  # type: ignore[no-untyped-call]
        self._on_change()

    async def _pause(self, failures: int) -> None:
        seconds = min(_FIRST_PAUSE_SECONDS * 2**failures, _LONGEST_PAUSE_SECONDS) if failures else 0
        try:
            await asyncio.wait_for(self._draining.wait(), seconds)
        except TimeoutError:
            return
