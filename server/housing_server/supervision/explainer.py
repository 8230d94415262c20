"""The explainer, as the supervisor sees it."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import structlog

from housing_server.control.messages import ConfigureExplainer, LoadModel, Message, Serving
from housing_server.supervision.process import SupervisedProcess


class ExplainerProcess(SupervisedProcess):
    """Keeps the explainer running, with the model that is served."""

    def __init__(
        self,
        config: ConfigureExplainer,
        metrics_dir: Path,
        log: structlog.typing.FilteringBoundLogger,
        on_change: Callable[[], None],
    ) -> None:
        super().__init__("explainer", "housing_server.processes.explainer", metrics_dir, log, on_change)
        self.model_version: str | None = None
        """Version of the model that it answers for; None while it does not answer."""
        self._config = config

    @property
    def serving(self) -> bool:
        """Whether it answers."""
        return self.model_version is not None

    def configuration(self) -> Message:
        """Where to answer, and what to explain."""
        return self._config

    def heard(self, message: Message) -> None:
        """Take note of the model that it answers for."""
        if isinstance(message, Serving):
            self.model_version = message.model_version
            self._log.info("explainer serving", pid=self.pid, model_version=message.model_version)

    def gone(self) -> None:
        """Take note that it has ended."""
        self.model_version = None

    def load(self, folder: Path) -> None:
        """Have this model explained from now on, by the running explainer and by those that follow it."""
        self._config = replace(self._config, model_folder=str(folder))
        self.send(LoadModel(folder=str(folder)))
