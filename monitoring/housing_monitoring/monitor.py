"""The monitor: looks at the service every now and then, and shows what it has found."""

import asyncio
import time
from collections.abc import Awaitable, Callable

from prometheus_client import CollectorRegistry, Counter

from housing_monitoring.drift import SHIFTED, Drift
from housing_monitoring.errors import MonitoringError
from housing_monitoring.gauges import ResultsCollector
from housing_monitoring.logs import Log
from housing_monitoring.results import Results, ResultsFile

_RETRY_SECONDS = 1.0

_REST = 9
"""A look at a large log can keep its store busy: it is left alone for so many times as long."""


class Monitor:
    """Watches one service."""

    def __init__(
        self,
        look: Callable[[], Awaitable[Results]],
        file: ResultsFile,
        log: Log,
        *,
        starting_seconds: float = 0,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        """Take up where the last monitor has stopped.

        Args:
            look: looks at the service once.
            file: keeps the results over restarts.
            log: logs what was found.
            starting_seconds: how long a service that is started together with the monitor may take until a look that
                fails is news.
            now: the time, in seconds.
        """
        self._look = look
        self._file = file
        self._log = log
        self._now = now
        self._starting_until = now() + starting_seconds
        self._has_seen = False
        self._gauges = ResultsCollector()
        self._gauges.results = file.read()
        self._failures = Counter("housing_monitor_failures", "Looks at the service that failed.", registry=None)

    def show(self, registry: CollectorRegistry) -> None:
        """Have a registry collect the results."""
        registry.register(self._gauges)
        registry.register(self._failures)

    @property
    def _may_be_starting(self) -> bool:
        return not self._has_seen and self._now() < self._starting_until

    async def watch(self, seconds: float) -> None:
        """Look again and again until cancelled, with a pause of `seconds`; with a longer one where looks take long."""
        while True:
            started = time.monotonic()
            await self.try_to_look()
            took = time.monotonic() - started
            await asyncio.sleep(min(seconds, _RETRY_SECONDS) if self._may_be_starting else max(seconds, _REST * took))

    async def try_to_look(self) -> None:
        """Look once; what goes wrong is counted and logged, and the last results stay."""
        try:
            results = await self._look()
            self._file.write(results)
        except MonitoringError as error:
            if self._may_be_starting:
                self._log.info("the service is not ready yet", reason=str(error))
                return
            self._failures.inc()
            self._log.warning("look failed", reason=str(error))
        except Exception:  # pylint: disable=broad-exception-caught  # a watcher outlives what nobody expected
            self._failures.inc()
            self._log.exception("look failed")
        else:
            self._has_seen = True
            before, self._gauges.results = self._gauges.results, results
            self._tell(before, results)

    def _tell(self, before: Results | None, results: Results) -> None:
        """Log a look, and each field that has shifted, or has come back, since the one before."""
        was, shifted = _shifted(before), _shifted(results)
        self._log.info("looked", window_rows=results.window_rows, fields=len(results.drift), shifted=sorted(shifted))
        for feature in sorted(shifted.keys() - was.keys()):
            self._log.warning("drift begins", feature=feature, psi=round(shifted[feature].psi, 3))
        for feature in sorted(was.keys() - shifted.keys()):
            self._log.info("drift ends", feature=feature)


def _shifted(results: Results | None) -> dict[str, Drift]:
    return {each.feature: each for each in results.drift if each.psi > SHIFTED} if results else {}
