"""The recorder, as the supervisor sees it."""

from collections.abc import Callable
from pathlib import Path

import structlog

from housing_server.control.messages import ConfigureRecorder, Message, ReportLog
from housing_server.supervision.process import SupervisedProcess


class RecorderProcess(SupervisedProcess):
    """Keeps the recorder running, and its last report."""

    def __init__(
        self,
        config: ConfigureRecorder,
        metrics_dir: Path,
        log: structlog.typing.FilteringBoundLogger,
        on_change: Callable[[], None],
    ) -> None:
        super().__init__("recorder", "housing_server.processes.recorder", metrics_dir, log, on_change)
        self.report: ReportLog | None = None
        """How the prediction log is; None while the recorder does not run."""
        self._config = config

    async def keep_running(self) -> None:
        """Keep it running until it is told to drain; one that has died by then is started for that."""
        await super().keep_running()
        if self.exit_code != 0:
            await self.run_once()

    @property
    def serving(self) -> bool:
        """Whether it takes answers over."""
        return self.report is not None

    def configuration(self) -> Message:
        """What to record, and where."""
        return self._config

    def heard(self, message: Message) -> None:
        """Take note of its report."""
        if isinstance(message, ReportLog):
            if self.report is None:
                self._log.info("recorder serving", pid=self.pid)
            self.report = message

    def gone(self) -> None:
        """Take note that it has ended."""
        self.report = None
