"""The recorder process, from the supervisor's side."""

from housing_server.control.messages import ConfigureRecorder, ControlMessage, ReportLog
from housing_server.supervision.process import SupervisedProcess, Supervision
from housing_server.supervision.programs import RECORDER


class RecorderProcess(SupervisedProcess):
    """Keeps the recorder running, and its last report."""

    def __init__(
        self,
        config: ConfigureRecorder,
        supervision: Supervision,
    ) -> None:
        super().__init__("recorder", RECORDER, supervision)
        self.report: ReportLog | None = None
        """The last report on the prediction log; None while the recorder does not run."""
        self._config = config

    async def keep_running(self) -> None:
        """Keep it running until `drain` is called; if it is dead then, run it once more to drain the journals."""
        await super().keep_running()
        if self.exit_code != 0:
            await self.run_once()

    @property
    def serving(self) -> bool:
        """Whether it records answers."""
        return self.report is not None

    def configuration(self) -> ControlMessage:
        """Return what to record, and where."""
        return self._config

    def on_message(self, message: ControlMessage) -> None:
        """Store its report."""
        if isinstance(message, ReportLog):
            if self.report is None:
                self._log.info("recorder serving", pid=self.pid)
            self.report = message

    def on_exit(self) -> None:
        """Drop its report."""
        self.report = None
