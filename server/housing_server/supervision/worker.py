"""A slot for one worker, from the supervisor's side."""

import asyncio
import os
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

from housing_server.control.messages import (
    CanaryFailed,
    CanaryServing,
    ConfigureWorker,
    ControlMessage,
    DiscardModel,
    LoadFailed,
    LoadModel,
    Prepared,
    PrepareModel,
    ReportRecording,
    Serving,
    SetCanary,
)
from housing_server.supervision.canary import WithdrawalCause
from housing_server.supervision.process import SupervisedProcess, Supervision
from housing_server.supervision.programs import WORKER
from housing_server.system.environment import without_secrets

_PREPARING_SECONDS = 180.0


class WorkerProcess(SupervisedProcess):
    """Keeps one worker running, with the model to serve."""

    def __init__(
        self,
        config: ConfigureWorker,
        supervision: Supervision,
        on_change: Callable[[], None] = lambda: None,
        on_canary_failure: Callable[[str, WithdrawalCause, str], None] = lambda *_: None,
        *,
        program: str = WORKER,
    ) -> None:
        """Create a slot; nothing is started yet.

        Args:
            config: the worker's configuration.
            supervision: the shared dependencies.
            on_change: called after the worker started or stopped serving, or refused a model.
            on_canary_failure: called when the canary has failed in it, with the canary's folder, cause and reason.
            program: the program to run: a worker over grpc.aio, or one inside Envoy.
        """
        environment: Mapping[str, str] | None = None
        if config.allow_pyfunc:  # a model's own code must not see secrets that the worker does not need
            environment = without_secrets(os.environ, tracing=True, database=config.prediction_log_mode == "strict")
        super().__init__(config.name, program, supervision, on_change, environment=environment)
        self.model_version: str | None = None
        """Version of the model it serves; None while it does not serve."""
        self.refusal: str | None = None
        """Why it refused the last model; None if it did not."""
        self.recording_problem = ""
        """Why it cannot record answers, and refuses calls; empty when it can."""
        self._config = config
        self._preparing: asyncio.Future[str | None] | None = None
        self._on_canary_failure = on_canary_failure
        self._setting_canary: asyncio.Future[str | None] | None = None

    @property
    def serving(self) -> bool:
        """Whether it serves predictions."""
        return self.model_version is not None

    def configuration(self) -> ControlMessage:
        """Return its configuration, including the model to serve."""
        return self._config

    def on_message(self, message: ControlMessage) -> None:
        """Record its reports about models and recording."""
        match message:
            case Serving(model_version=version):
                self.model_version, self.refusal = version, None
                self._log.info("worker serving", pid=self.pid, model_version=version)
            case Prepared():
                _settle(self._preparing, None)
            case ReportRecording(problem=problem):
                self.recording_problem = problem
            case CanaryServing():
                _settle(self._setting_canary, None)
            case CanaryFailed(folder=folder, reason=reason, loaded=loaded):
                _settle(self._setting_canary, reason)
                self._on_canary_failure(folder, "failed" if loaded else "refused", reason)
            case LoadFailed(reason=reason):
                self.refusal = reason
                _settle(self._preparing, reason)
                self._log.error("worker refused the model", pid=self.pid, reason=reason)

    def on_exit(self) -> None:
        """Reset the state of the process."""
        self.model_version = None
        self.recording_problem = ""
        _settle(self._preparing, None)
        _settle(self._setting_canary, None)
        if self._config.canary_folder and self.exit_code and not self._draining.is_set():
            # Whatever the cause: its successor must not load a model that may have ended it.
            reason = f"{self.name} ended with exit code {self.exit_code} while it had the canary"
            self._on_canary_failure(self._config.canary_folder, "worker", reason)

    async def prepare(self, folder: Path) -> str | None:
        """Load a model in the running worker, beside the one it serves.

        Returns:
            The reason of a refusal; None when the model is ready. A worker that is not running, or ends meanwhile, does
            not
            refuse: its successor loads whatever is to be served then.
        """
        if self._running is None:
            return None
        self._preparing = asyncio.get_running_loop().create_future()
        self.send(PrepareModel(folder=str(folder)))
        try:
            return await asyncio.wait_for(self._preparing, _PREPARING_SECONDS)
        except TimeoutError:
            return f"{self.name} has not loaded {folder} within {_PREPARING_SECONDS:g} s"

    def discard(self) -> None:
        """Drop the model that the worker has prepared."""
        self.send(DiscardModel())

    def load(self, folder: Path) -> None:
        """Serve this model from now on, in the running worker and in its successors."""
        self._config = replace(self._config, model_folder=str(folder))
        self.refusal = None
        self.send(LoadModel(folder=str(folder)))

    async def set_canary(self, folder: Path, share: float) -> str | None:
        """Let a model answer a share of the calls, in the running worker and in its successors.

        Returns:
            The reason of a refusal; None when it answers, or once the worker loads it.
        """
        self._config = replace(self._config, canary_folder=str(folder), canary_share=share)
        if self._running is None:
            return None
        self._setting_canary = asyncio.get_running_loop().create_future()
        self.send(SetCanary(folder=str(folder), share=share))
        try:
            return await asyncio.wait_for(self._setting_canary, _PREPARING_SECONDS)
        except TimeoutError:
            return f"{self.name} has not loaded {folder} within {_PREPARING_SECONDS:g} s"

    def drop_canary(self) -> None:
        """Let no canary answer, in the running worker and in its successors."""
        self._config = replace(self._config, canary_folder="", canary_share=0.0)
        self.send(SetCanary(folder="", share=0.0))


def _settle(awaited: "asyncio.Future[str | None] | None", refusal: str | None) -> None:
    if awaited is not None and not awaited.done():
        awaited.set_result(refusal)
