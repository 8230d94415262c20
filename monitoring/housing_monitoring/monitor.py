"""The monitor: checks the service periodically, and exposes the results."""

import asyncio
import time
from collections.abc import Awaitable, Callable

from prometheus_client import CollectorRegistry, Counter

from housing.logs import Log
from housing_monitoring.drift import SHIFTED, Drift
from housing_monitoring.errors import MonitoringError
from housing_monitoring.gauges import ResultsCollector
from housing_monitoring.results import Results, ResultsFile

_RETRY_SECONDS = 1.0

_REST = 9
"""Minimum ratio of the pause to the duration of a check, since a check of a large log can keep its store busy."""


class Monitor:
    """Monitors one service."""

    def __init__(
        self,
        check: Callable[[], Awaitable[Results]],
        file: ResultsFile,
        log: Log,
        *,
        starting_seconds: float = 0,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        """Resume from the last monitor's results.

        Args:
            check: checks the service once.
            file: stores the results across restarts.
            log: logs results and failures.
            starting_seconds: how long a service that starts together with the monitor may take before a failed check is
                reported.
            now: returns seconds.
        """
        self._check = check
        self._file = file
        self._log = log
        self._now = now
        self._starting_until = now() + starting_seconds
        self._has_seen = False
        self._gauges = ResultsCollector()
        self._gauges.results = file.read()
        self._failures = Counter("housing_monitor_failures", "Failed checks of the service.", registry=None)

    def register(self, registry: CollectorRegistry) -> None:
        """Register the results with a registry."""
        registry.register(self._gauges)
        registry.register(self._failures)

    @property
    def _may_be_starting(self) -> bool:
        return not self._has_seen and self._now() < self._starting_until

    async def watch(self, seconds: float) -> None:
        """Check periodically until cancelled, with a pause of `seconds`, or a longer one if checks take long."""
        while True:
            started = time.monotonic()
            await self.try_to_check()
            took = time.monotonic() - started
            await asyncio.sleep(min(seconds, _RETRY_SECONDS) if self._may_be_starting else max(seconds, _REST * took))

    async def try_to_check(self) -> None:
        """Check once; failures are counted and logged, and the last results are kept."""
        try:
            results = await self._check()
            self._file.write(results)
        except MonitoringError as error:
            if self._may_be_starting:
                self._log.info("the service is not ready yet", reason=str(error))
                return
            self._failures.inc()
            self._log.warning("check failed", reason=str(error))
        except Exception:  # pylint: disable=broad-exception-caught  # nothing unexpected must end the monitor
            self._failures.inc()
            self._log.exception("check failed")
        else:
            self._has_seen = True
            before, self._gauges.results = self._gauges.results, results
            self._log_changes(before, results)

    def _log_changes(self, before: Results | None, results: Results) -> None:
        """Log a check, and each field that has shifted, or recovered, since the one before."""
        was, shifted = _shifted(before), _shifted(results)
        self._log.info("checked", window_rows=results.window_rows, fields=len(results.drift), shifted=sorted(shifted))
        for feature in sorted(shifted.keys() - was.keys()):
            self._log.warning("drift begins", feature=feature, psi=round(shifted[feature].psi, 3))
        for feature in sorted(was.keys() - shifted.keys()):
            self._log.info("drift ends", feature=feature)


def _shifted(results: Results | None) -> dict[str, Drift]:
    return {each.feature: each for each in results.drift if each.psi > SHIFTED} if results else {}
