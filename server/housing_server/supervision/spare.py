"""A spare worker: a process that has imported a worker's modules, and waits for the configuration of any worker.

Imports are most of the processor time of a restart, and take several seconds while the other workers are busy.
"""

import asyncio
from collections.abc import Callable, Mapping
from contextlib import suppress

import structlog

from housing_server.control.messages import Ping
from housing_server.supervision.programs import WORKER
from housing_server.supervision.starting import Started, Starter

_LOOK_SECONDS = 1.0
_IMPORTING_SECONDS = 60.0
_PING_SECONDS = 2.0
"""How long an idle spare may take to answer a ping."""


class SpareStarter:
    """Starts programs through another starter; a worker from a process started in advance, if there is one."""

    def __init__(self, starter: Starter, log: structlog.typing.FilteringBoundLogger) -> None:
        """Start without a spare.

        Args:
            starter: starts programs.
            log: logs a spare that cannot be started.
        """
        self._starter = starter
        self._log = log
        self._environment: Mapping[str, str] | None = None
        self._spare: Started | None = None
        self._exit: asyncio.Task[int] | None = None
        self._failing = False

    @property
    def pid(self) -> int | None:
        """Process id of the spare; None while there is none."""
        return None if self._spare is None else self._spare.process.pid

    async def start(self, module: str, environment: Mapping[str, str] | None) -> Started:
        """Start a program, with its own environment variables, or None to inherit.

        Raises:
            OSError: the system refuses.
        """
        if module == WORKER:
            self._environment = environment
            if (spare := self._take()) is not None:
                if await _answers(spare, _PING_SECONDS):
                    return spare
                _end(spare)
        return await self._starter.start(module, environment)

    def clean_up(self, name: str) -> None:
        """Remove the gauges of a process that has ended."""
        self._starter.clean_up(name)

    async def keep_ready(self, calm: Callable[[], bool]) -> None:
        """Keep a spare ready until cancelled.

        Args:
            calm: returns whether it is a good time to start one: all workers serve, and leave processor time.
        """
        try:
            while True:
                if self._exit is not None and self._exit.done():
                    self._take()
                if self._spare is None and calm():
                    await self._refill()
                await asyncio.sleep(_LOOK_SECONDS)
        finally:
            if (spare := self._take()) is not None:
                _end(spare)

    async def _refill(self) -> None:
        try:
            spare = await self._starter.start(WORKER, self._environment)
        except OSError as error:
            if not self._failing:
                self._log.warning("the spare worker cannot be started; retrying", reason=str(error))
            self._failing = True
            return
        ready = False
        try:
            ready = await _answers(spare, _IMPORTING_SECONDS)  # until then it is no faster than a new process
        finally:
            if not ready:
                _end(spare)
        if ready:
            self._failing = False
            self._spare, self._exit = spare, asyncio.create_task(spare.process.wait())

    def _take(self) -> Started | None:
        """Remove and return the spare; None unless it is running."""
        spare, self._spare = self._spare, None
        exiting, self._exit = self._exit, None
        if exiting is not None and not exiting.done():
            exiting.cancel()
            return spare
        if spare is not None:
            spare.control.close()
        return None


async def _answers(spare: Started, seconds: float) -> bool:
    """Send a ping; return whether it was answered in time."""
    spare.control.send(Ping())
    with suppress(TimeoutError):
        return await asyncio.wait_for(spare.control.receive(), seconds) is not None
    return False


def _end(spare: Started) -> None:
    with suppress(ProcessLookupError):
        spare.process.kill()
    spare.control.close()
