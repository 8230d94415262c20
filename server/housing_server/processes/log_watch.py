"""The check whether a worker can record answers: it runs all the time, since a worker that cannot refuses calls."""

import asyncio
from collections.abc import Awaitable, Callable

import structlog

from housing_server.core.interfaces import PredictionLog
from housing_server.errors import PredictionLogUnavailable

_CHECK_SECONDS = 1.0


class LogWatch:
    """Probes a worker's prediction log, and reports when it fails and when it recovers."""

    def __init__(
        self,
        sink: PredictionLog,
        on_change: Callable[[str], Awaitable[None]],
        log: structlog.typing.FilteringBoundLogger,
    ) -> None:
        """Prepare to watch.

        Args:
            sink: the worker's prediction log.
            on_change: called with the problem whenever it changes; empty when answers can be recorded.
            log: logs failures and recoveries.
        """
        self._sink = sink
        self._on_change = on_change
        self._log = log
        self.problem = ""
        """Why answers cannot be recorded; empty when they can."""

    async def run(self) -> None:
        """Watch until cancelled."""
        while True:
            await self.check()
            await asyncio.sleep(_CHECK_SECONDS)

    async def check(self) -> None:
        """Probe once."""
        before, self.problem = self.problem, await asyncio.to_thread(self._probe)
        if self.problem == before:
            return
        if not before:
            self._log.error("answers cannot be recorded; predictions are refused", reason=self.problem)
        elif not self.problem:
            self._log.info("answers are recorded again")
        await self._on_change(self.problem)

    def _probe(self) -> str:
        try:
            self._sink.probe()
        except PredictionLogUnavailable as error:
            return error.reason
        return ""
