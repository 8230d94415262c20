"""Reporting the state of the service to the workers, who answer GetStatus with it."""

import asyncio
from collections.abc import Callable, Sequence

import structlog
from google.protobuf import json_format

from housing.v1.status_service_pb2 import GetStatusResponse
from housing_server.control.messages import ReportStatus
from housing_server.supervision.process import SupervisedProcess

_REPORT_SECONDS = 1.0


class StatusReporter:
    """Sends a report to all workers every second, and at every change."""

    def __init__(
        self,
        report: Callable[[], GetStatusResponse],
        workers: Sequence[SupervisedProcess],
        log: structlog.typing.FilteringBoundLogger,
    ) -> None:
        """Prepare to report.

        Args:
            report: measures the state of the service.
            workers: who receives it.
            log: logs measurements that fail.
        """
        self._report = report
        self._workers = workers
        self._log = log
        self._failing = False

    async def keep_reporting(self) -> None:
        """Report every second until cancelled."""
        while True:
            self.report()
            await asyncio.sleep(_REPORT_SECONDS)

    def report(self) -> None:
        """Report now; what goes wrong is logged, the first time of many."""
        try:
            status = ReportStatus(status=json_format.MessageToJson(self._report(), indent=None))
        except Exception:  # pylint: disable=broad-exception-caught  # a figure that is missing ends no service
            if not self._failing:
                self._log.exception("the state of the service cannot be measured; callers see the last one")
            self._failing = True
            return
        if self._failing:
            self._log.info("the state of the service can be measured again")
        self._failing = False
        for worker in self._workers:
            worker.send(status)
