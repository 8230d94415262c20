"""The explainer process, from the supervisor's side."""

from dataclasses import replace
from pathlib import Path

from housing_server.control.messages import ConfigureExplainer, ControlMessage, LoadModel, Serving
from housing_server.supervision.process import SupervisedProcess, Supervision
from housing_server.supervision.programs import EXPLAINER


class ExplainerProcess(SupervisedProcess):
    """Keeps the explainer running, with the served model."""

    def __init__(
        self,
        config: ConfigureExplainer,
        supervision: Supervision,
    ) -> None:
        super().__init__("explainer", EXPLAINER, supervision)
        self.model_version: str | None = None
        """Version of the model that it explains; None while it does not serve."""
        self._config = config

    @property
    def serving(self) -> bool:
        """Whether it answers."""
        return self.model_version is not None

    def configuration(self) -> ControlMessage:
        """Return where to listen, and what to explain."""
        return self._config

    def on_message(self, message: ControlMessage) -> None:
        """Record the version of the model that it explains."""
        if isinstance(message, Serving):
            self.model_version = message.model_version
            self._log.info("explainer serving", pid=self.pid, model_version=message.model_version)

    def on_exit(self) -> None:
        """Reset the state of the process."""
        self.model_version = None

    def load(self, folder: Path) -> None:
        """Explain this model from now on, in the running explainer and in its successors."""
        self._config = replace(self._config, model_folder=str(folder))
        self.send(LoadModel(folder=str(folder)))
