"""The parts of the service as child processes, started and stopped together.

Each child leads a session of its own. Ctrl-C in a terminal signals the whole foreground process group, and so reaches
only this process, which stops the children one after the other, with time to finish. A second Ctrl-C kills the one
that is stopping. When this process itself is killed, the system signals the children to stop.
"""

import asyncio
import os
import signal
import ssl
import time
from asyncio.subprocess import Process
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass
from http import HTTPStatus
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from typing import Any

from housing.addresses import join_address
from housing.tether import tethered

_POLL_SECONDS = 0.2
_PROBE_SECONDS = 2.0
_FIRST_PAUSE_SECONDS = 1.0
_LONGEST_PAUSE_SECONDS = 60.0

_STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
"""A closed terminal sends SIGHUP, which children in their own sessions do not receive."""


class StackError(Exception):
    """The stack cannot run; the message names the part that failed, and the cause."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """A command to run."""

    name: str
    """Its name in messages."""
    command: tuple[str, ...]
    """The program and its arguments."""
    vital: bool = True
    """Whether its exit ends the stack; otherwise it is restarted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Probe:
    """A page that returns status 200 once a part is ready."""

    host: str
    port: int
    path: str
    tls: ssl.SSLContext | None = None
    """How to connect by TLS; None for plaintext."""

    def __str__(self) -> str:
        return f"{'http' if self.tls is None else 'https'}://{join_address(self.host, self.port)}{self.path}"

    def answers(self) -> bool:
        """Request the page once, bypassing any proxies in the environment; return whether it is ready."""
        connection = self._connection()
        try:
            connection.request("GET", self.path)
            return connection.getresponse().status == HTTPStatus.OK
        except (OSError, HTTPException):
            return False
        finally:
            connection.close()

    def _connection(self) -> HTTPConnection:
        if self.tls is None:
            return HTTPConnection(self.host, self.port, timeout=_PROBE_SECONDS)
        return HTTPSConnection(self.host, self.port, timeout=_PROBE_SECONDS, context=self.tls)


@dataclass(frozen=True, slots=True, kw_only=True)
class Stack:
    """The parts to run, their order, and when they count as ready."""

    first: tuple[Part, ...]
    """Commands that must succeed before the others start, one after the other."""
    parts: tuple[Part, ...]
    """Commands that run until the stack stops: started in this order, stopped in reverse order."""
    last: tuple[Part, ...] = ()
    """Commands that are started once the others are ready, so that they delay nothing; none is vital."""
    probes: tuple[Probe, ...]
    """Pages that must be ready before the stack is."""
    environment: Mapping[str, str]
    """Environment variables of all commands."""
    ready_seconds: float
    """How long each probe may take."""
    grace_seconds: float
    """How long a part may take to stop before it is killed."""

    def run(self, on_ready: Callable[[], None], warn: Callable[[str], None]) -> None:
        """Run until a stop signal, and return when everything has stopped.

        Args:
            on_ready: called once all probes are ready.
            warn: called with a message when a part that is not vital has exited and will be restarted.

        Raises:
            StackError: a part could not start, exited before all were ready, or was not ready in time; or a vital part
                exited on its own.
        """
        with suppress(asyncio.CancelledError):
            asyncio.run(self._run(on_ready, warn))

    async def _run(self, on_ready: Callable[[], None], warn: Callable[[str], None]) -> None:
        _cancel_on_signals()
        for part in self.first:
            await self._finish(part)
        async with AsyncExitStack() as running:
            parts = [await running.enter_async_context(self._running(part)) for part in self.parts]
            await _while_alive(parts, self._until_ready())
            on_ready()
            parts += [await running.enter_async_context(self._running(part)) for part in self.last]
            vital, others = ([each for each in parts if each.part.vital is wanted] for wanted in (True, False))
            await _while_alive(vital, self._attend(others, warn))

    async def _finish(self, part: Part) -> None:
        async with self._running(part) as running:
            code = await running.process.wait()
        if code:
            raise StackError(f"{part.name} {_ending(code)}; its own message is above")

    @asynccontextmanager
    async def _running(self, part: Part) -> AsyncIterator["_RunningPart"]:
        try:
            running = _RunningPart(part, await self._start(part))
        except OSError as error:
            raise StackError(f"{part.name} cannot be started: {error}") from error
        try:
            yield running
        finally:
            await self._stop(running.process)

    async def _start(self, part: Part) -> Process:
        # In its own group a part does not get Ctrl-C, and it ends with what it has started. All stay in one session:
        # Linux shares processors among sessions first (autogroups, sched(7)), so that niceness counts only within one.
        return await asyncio.create_subprocess_exec(*tethered(part.command), env=self.environment, process_group=0)

    async def _attend(self, parts: Sequence["_RunningPart"], warn: Callable[[str], None]) -> None:
        """Restart parts whenever they exit, until cancelled."""
        async with asyncio.TaskGroup() as restarting:
            for each in parts:
                restarting.create_task(self._restart(each, warn))
            await asyncio.get_running_loop().create_future()

    async def _restart(self, running: "_RunningPart", warn: Callable[[str], None]) -> None:
        """Restart a part whenever it exits, with exponential backoff, until cancelled."""
        pause = _FIRST_PAUSE_SECONDS
        while True:
            started = time.monotonic()
            code = await running.process.wait()
            _kill_group(running.process)
            pause = _FIRST_PAUSE_SECONDS if time.monotonic() - started > _LONGEST_PAUSE_SECONDS else pause
            warn(f"{running.part.name} {_ending(code)}; it is restarted in {pause:g} seconds")
            await asyncio.sleep(pause)
            pause = min(2 * pause, _LONGEST_PAUSE_SECONDS)
            with suppress(OSError):  # counts as another exit, and is retried
                running.process = await self._start(running.part)

    async def _stop(self, process: Process) -> None:
        try:
            with suppress(ProcessLookupError, TimeoutError):
                process.terminate()
                async with asyncio.timeout(self.grace_seconds):
                    await process.wait()
        finally:
            _kill_group(process)
            await process.wait()

    async def _until_ready(self) -> None:
        for probe in self.probes:
            try:
                async with asyncio.timeout(self.ready_seconds):
                    await _until_answered(probe)
            except TimeoutError as error:
                raise StackError(f"{probe} was not ready within {self.ready_seconds:g} seconds") from error


@dataclass(slots=True)
class _RunningPart:
    """A part with its current process."""

    part: Part
    process: Process
    """Its latest process."""


def _kill_group(process: Process) -> None:
    with suppress(ProcessLookupError):  # a part that crashed leaves its own children behind
        os.killpg(process.pid, signal.SIGKILL)


def _cancel_on_signals() -> None:
    task = asyncio.current_task()
    assert task is not None  # noqa: S101 - for the type checker: coroutines run in tasks
    for number in _STOP_SIGNALS:
        asyncio.get_running_loop().add_signal_handler(number, task.cancel)


async def _until_answered(probe: Probe) -> None:
    while not await asyncio.to_thread(probe.answers):  # noqa: ASYNC110 - another process cannot set an Event here
        await asyncio.sleep(_POLL_SECONDS)


async def _while_alive(parts: Sequence[_RunningPart], work: Awaitable[object]) -> None:
    """Wait for `work`; raise when a process exits first."""
    working = asyncio.ensure_future(work)
    endings = {asyncio.create_task(each.process.wait()): each.part.name for each in parts}
    try:
        done, _ = await asyncio.wait({working, *endings}, return_when=asyncio.FIRST_COMPLETED)
        for ended, name in endings.items():
            if ended in done:
                raise StackError(f"{name} {_ending(ended.result())}; its own message is above")
        working.result()
    finally:
        _cancel({working, *endings})


def _cancel(tasks: Iterable[asyncio.Future[Any]]) -> None:
    for task in tasks:
        task.cancel()


def _ending(code: int) -> str:
    return f"was killed by {signal.Signals(-code).name}" if code < 0 else f"ended with exit code {code}"
