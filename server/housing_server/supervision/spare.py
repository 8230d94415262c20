"""A spare worker: a process that has imported what workers import, and waits to be configured as any of them.

Imports are most of the processor time that a restart takes, and several seconds of it while the other workers are busy.
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
_SIGN_SECONDS = 2.0
"""How long a spare that idles may take to give a sign of life."""


class SpareStarter:
    """Starts programs as another starter does; a worker, if it can, from a process that was started in advance."""

    def __init__(self, starter: Starter, log: structlog.typing.FilteringBoundLogger) -> None:
        """Begin without a spare.

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
        """Start a program, with environment variables of its own or, by None, those of this process.

        Raises:
            OSError: the system refuses.
        """
        if module == WORKER:
            self._environment = environment
            if (spare := self._take()) is not None:
                if await _gives_a_sign(spare, _SIGN_SECONDS):
                    return spare
                _end(spare)
        return await self._starter.start(module, environment)

    def clean_up(self, name: str) -> None:
        """Remove the gauges of a process that has ended."""
        self._starter.clean_up(name)

    async def keep_ready(self, calm: Callable[[], bool]) -> None:
        """Have a spare ready until cancelled.

        Args:
            calm: returns whether this is a moment to start one: all workers serve, and need the processors less.
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
                self._log.warning("no spare worker can be started; trying again", reason=str(error))
            self._failing = True
            return
        ready = False
        try:
            ready = await _gives_a_sign(spare, _IMPORTING_SECONDS)  # until then it would be no quicker than a new one
        finally:
            if not ready:
                _end(spare)
        if ready:
            self._failing = False
            self._spare, self._exit = spare, asyncio.create_task(spare.process.wait())

    def _take(self) -> Started | None:
        """Return the spare, if it runs, and keep it no more."""
        spare, self._spare = self._spare, None
        exiting, self._exit = self._exit, None
        if exiting is not None and not exiting.done():
            exiting.cancel()
            return spare
        if spare is not None:
            spare.control.close()
        return None


async def _gives_a_sign(spare: Started, seconds: float) -> bool:
    """Wait for a sign of life; return whether there was one in time."""
    spare.control.send(Ping())
    with suppress(TimeoutError):
        return await asyncio.wait_for(spare.control.receive(), seconds) is not None
    return False


def _end(spare: Started) -> None:
    with suppress(ProcessLookupError):
        spare.process.kill()
    spare.control.close()
