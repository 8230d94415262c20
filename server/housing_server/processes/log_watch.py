"""Whether a worker can put answers on record: looked at all the time, since one that cannot answers nothing."""

import asyncio
from collections.abc import Awaitable, Callable

import structlog

from housing_server.core.interfaces import PredictionLog
from housing_server.errors import PredictionLogUnavailable

_LOOK_SECONDS = 1.0


class LogWatch:
    """Probes a worker's prediction log, and reports when it fails and when it works again."""

    def __init__(
        self,
        sink: PredictionLog,
        on_change: Callable[[str], Awaitable[None]],
        log: structlog.typing.FilteringBoundLogger,
    ) -> None:
        """Prepare to watch.

        Args:
            sink: what answers are recorded with.
            on_change: called with the reason whenever that changes; it is empty when answers can be put on record.
            log: gets a line when it fails, and one when it works again.
        """
        self._sink = sink
        self._on_change = on_change
        self._log = log
        self.problem = ""
        """Why answers cannot be put on record; empty when they can."""

    async def run(self) -> None:
        """Watch until cancelled."""
        while True:
            await self.look()
            await asyncio.sleep(_LOOK_SECONDS)

    async def look(self) -> None:
        """Probe once."""
        before, self.problem = self.problem, await asyncio.to_thread(self._probe)
        if self.problem == before:
            return
        if not before:
            self._log.error("answers cannot be put on record; predictions are refused", reason=self.problem)
        elif not self.problem:
            self._log.info("answers are put on record again")
        await self._on_change(self.problem)

    def _probe(self) -> str:
        try:
            self._sink.probe()
        except PredictionLogUnavailable as error:
            return error.reason
        return ""
