"""Reports of the state of the service to the workers, which answer GetStatus with them."""

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
        """Create a reporter.

        Args:
            report: measures the state of the service.
            workers: the recipients.
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
        """Report now; of consecutive errors the first is logged."""
        try:
            status = ReportStatus(status=json_format.MessageToJson(self._report(), indent=None))
        except Exception:  # pylint: disable=broad-exception-caught  # a failed measurement must not end the service
            if not self._failing:
                self._log.exception("measuring the state of the service failed; callers see the last one")
            self._failing = True
            return
        if self._failing:
            self._log.info("the state of the service can be measured again")
        self._failing = False
        for worker in self._workers:
            worker.send(status)
