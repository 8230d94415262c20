"""The supervisor: one process that reads the registry, keeps the workers running and serves the side port."""

import asyncio
import signal
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Protocol

import structlog
from prometheus_client import CollectorRegistry

from housing.v1.model_service_pb2 import Model
from housing_server.access.identities import read_identities
from housing_server.access.key_file import read_keys
from housing_server.asgi_transport.envoy import why_not
from housing_server.control.messages import RecordCanaryEnd
from housing_server.errors import ModelRejected, StartError
from housing_server.model_store.files import read_description
from housing_server.model_store.restoring import FileSource, ModelRestorer
from housing_server.model_store.trials import TrialReport, try_model
from housing_server.model_store.updates import ModelUpdates, Source
from housing_server.settings import ServerSettings
from housing_server.supervision.canary import CanaryKeeper, CanaryRegistry, WithdrawalCause
from housing_server.supervision.envoy_metrics import EnvoyMetrics
from housing_server.supervision.explainer import ExplainerProcess
from housing_server.supervision.metrics import register_metrics
from housing_server.supervision.process import SupervisedProcess, Supervision
from housing_server.supervision.process_configs import ProcessConfigs, worker_name
from housing_server.supervision.programs import WORKERS
from housing_server.supervision.recorder import RecorderProcess
from housing_server.supervision.run_folder import run_folder
from housing_server.supervision.run_folder_keeper import RunFolderKeeper
from housing_server.supervision.side_port import SidePort
from housing_server.supervision.spare import SpareStarter
from housing_server.supervision.starting import ProcessStarter, Starter
from housing_server.supervision.state import ServiceState
from housing_server.supervision.status_report import StatusReporter
from housing_server.supervision.tasks import keep_doing
from housing_server.supervision.worker import WorkerProcess
from housing_server.system.limits import raise_open_files_limit
from housing_server.system.ports import reserved_port

_ADOPTING_SECONDS = 60.0
"""How long a worker may take to switch to a model that it has prepared, before it is replaced."""


class ServedSource(Source, FileSource, Protocol):
    """The registered model; see `ModelSource`."""


async def supervise(
    settings: ServerSettings,
    source: ServedSource,
    canaries: CanaryRegistry,
    log: structlog.typing.FilteringBoundLogger,
) -> None:
    """Serve until SIGTERM or SIGINT, then drain the calls in flight and return; on SIGHUP check for a new model.

    Args:
        settings: the service's settings.
        source: the registered model.
        canaries: its canary.
        log: logs events.

    Raises:
        StartError: a port is not available, the transport is not supported here, files of keys or certificates cannot
            be used, other machines could connect without encryption, or no model can be served.
    """
    if settings.transport == "envoy" and (reason := why_not()):
        raise StartError(f"HOUSING_TRANSPORT=envoy: {reason}")
    settings.check_exposure()
    _check_keys(settings, log)
    raise_open_files_limit()
    settings.state_dir.mkdir(parents=True, exist_ok=True)
    stopping, check_now = asyncio.Event(), asyncio.Event()
    for number, event in ((signal.SIGTERM, stopping), (signal.SIGINT, stopping), (signal.SIGHUP, check_now)):
        asyncio.get_running_loop().add_signal_handler(number, event.set)
    with ExitStack() as stack:
        ports = _reserve(settings, stack)
        folder = stack.enter_context(run_folder(settings.state_dir))
        supervisor, side_port = _wire(settings, ports, folder, log)
        stack.enter_context(side_port)
        log.info("listening", host=settings.host, **ports, metrics_port=side_port.port)
        await supervisor.run(source, stopping, check_now, canaries)
    log.info("stopped")


def _check_keys(settings: ServerSettings, log: structlog.typing.FilteringBoundLogger) -> None:
    """Read the API keys once, so that a file that cannot be used is an error at the start.

    Raises:
        InvalidKeys: it cannot be used.
    """
    if not settings.authenticates:
        return
    identities = read_identities(settings.identities_file)
    if not read_keys(settings.keys_file) and not identities:
        log.warning("callers need API keys, and there are none: create one with `housing keys create`")


def _reserve(settings: ServerSettings, stack: ExitStack) -> dict[str, int]:
    """Reserve the ports that workers share until the stack is closed; return their numbers by name."""
    wanted = {"grpc_port": (settings.host, settings.grpc_port, "HOUSING_HOST")}
    if settings.transport == "envoy":
        wanted["gateway_port"] = (settings.gateway_host, settings.gateway_port, "HOUSING_GATEWAY_HOST")
    return {
        name: stack.enter_context(reserved_port(host, port, f"HOUSING_{name.upper()}", host_setting))
        for name, (host, port, host_setting) in wanted.items()
    }


def _wire(
    settings: ServerSettings, ports: Mapping[str, int], folder: Path, log: structlog.typing.FilteringBoundLogger
) -> tuple["Supervisor", SidePort]:
    """Create the supervisor, and the side port, whose number its workers need."""
    registry, envoys = CollectorRegistry(), _envoy_metrics(settings, folder)
    side_port = SidePort(
        settings.metrics_host,
        settings.metrics_port,
        registry,
        log,
        ready=lambda: supervisor.state.ready,
        gateway_metrics=envoys.page if envoys else None,
    )
    configs = ProcessConfigs(settings, ports["grpc_port"], folder, ports.get("gateway_port", 0), side_port.port)
    supervisor = Supervisor(settings, configs, ProcessStarter(folder), log)
    register_metrics(registry, supervisor.state, folder)
    return supervisor, side_port


def _envoy_metrics(settings: ServerSettings, folder: Path) -> EnvoyMetrics | None:
    if settings.transport != "envoy":
        return None
    return EnvoyMetrics(folder, [worker_name(slot) for slot in range(settings.workers)])


class Supervisor:
    """Keeps the workers running, and sends them the model to serve and the state of the service."""

    def __init__(
        self,
        settings: ServerSettings,
        configs: ProcessConfigs,
        starter: Starter,
        log: structlog.typing.FilteringBoundLogger,
    ) -> None:
        """Create the processes; none is started yet.

        Args:
            settings: the service's settings.
            configs: configures each process.
            starter: starts processes.
            log: logs events.
        """
        self._changed = asyncio.Event()
        self._spare = SpareStarter(starter, log)
        supervision = Supervision(starter=self._spare, log=log, unresponsive_seconds=settings.unresponsive_seconds)
        self._workers = [
            WorkerProcess(
                configs.worker(slot),
                supervision,
                self._on_worker_change,
                self._on_canary_failure,
                program=WORKERS[settings.transport],
            )
            for slot in range(settings.workers)
        ]
        self._recorder = None
        if settings.prediction_log_mode != "off":
            self._recorder = RecorderProcess(configs.recorder(), supervision)
        self._explainer = None
        if configs.explains:
            self._explainer = ExplainerProcess(configs.explainer(), supervision)
        self._settings = settings
        self._patience_seconds = settings.drain_seconds + settings.grace_seconds + 5
        self._log = log
        self.state = ServiceState(self._workers, settings.state_dir, self._recorder, self._explainer, spare=self._spare)
        """The state of the service."""
        self._reporter = StatusReporter(self.state.report, self._workers, log)
        self._restorer: ModelRestorer | None = None
        self._canary: CanaryKeeper | None = None
        self._keeper = RunFolderKeeper(configs.run_dir, self._workers, self._helpers, log)

    async def run(
        self,
        source: ServedSource,
        stopping: asyncio.Event,
        check_now: asyncio.Event,
        canaries: CanaryRegistry | None = None,
    ) -> None:
        """Run the workers until `stopping` is set.

        Args:
            source: the registered model.
            stopping: ends the service when set.
            check_now: requests an immediate check of the registry when set.
            canaries: the registered model's canary; None for no canaries.

        Raises:
            StartError: there is no model that can be served.
        """
        if canaries is not None:
            self._canary = CanaryKeeper(
                canaries,
                self._workers,
                self._attempt,
                observer=self.state,
                record_end=self._record_canary_end,
                log=self._log,
            )
        workers, helpers = self._start(self._workers), self._start(self._helpers)
        self._restorer = ModelRestorer(source, self._log)
        background = [
            self._in_background("model files", self._restorer.keep_restored),
            self._in_background("status", self._reporter.keep_reporting),
            self._in_background("run folder", self._keeper.keep_repaired),
        ]
        if self._settings.spare_worker == "on" and self._settings.transport == "grpc":
            background.append(self._in_background("spare worker", self._keep_spare))
        serving = asyncio.create_task(self._serve_model(source, check_now))
        stop = asyncio.create_task(stopping.wait())
        try:
            # The task ends only if the service cannot start.
            await asyncio.wait({serving, stop}, return_when=asyncio.FIRST_COMPLETED)
            if serving.done():
                serving.result()
        finally:
            for task in (serving, stop, *background):
                task.cancel()
            await self._drain(self._workers, workers)
            if helpers:  # once no worker needs them any more
                await self._drain(self._helpers, helpers)

    async def _keep_spare(self) -> None:
        await self._spare.keep_ready(lambda: self.state.serving == len(self._workers))

    @property
    def _helpers(self) -> list[SupervisedProcess]:
        return [each for each in (self._recorder, self._explainer) if each is not None]

    def _start(self, processes: Sequence[SupervisedProcess]) -> list[asyncio.Task[None]]:
        return [self._in_background(process.name, process.keep_running) for process in processes]

    def _in_background(self, name: str, duty: Callable[[], Awaitable[None]]) -> asyncio.Task[None]:
        return asyncio.create_task(keep_doing(name, duty, self._log))

    async def _serve_model(self, source: Source, check_now: asyncio.Event) -> None:
        beside = {} if self._canary is None else {"beside": self._canary.check}
        updates = ModelUpdates(
            source,
            self._attempt,
            self.adopt,
            poll_seconds=self._settings.model_poll_seconds,
            observer=self.state,
            log=self._log,
            **beside,
        )
        folder = await keep_doing("choosing a model", updates.first, self._log, fatal=StartError)
        model = self._load(folder)
        await self._until_serving()
        self._log.info("serving", model=model.name, model_version=model.version)
        await keep_doing("following the registry", lambda: updates.follow(folder, check_now), self._log)
        await asyncio.Event().wait()  # a fixed version is not followed

    async def _attempt(self, candidate: Path, current: Path) -> TrialReport:
        """Run the trial of a fetched model; raises ModelRejected if it fails."""
        settings = self._settings
        return await try_model(candidate, current, settings.swap_max_latency_ratio, allow_pyfunc=settings.allow_pyfunc)

    async def _until_serving(self) -> None:
        """Wait until a worker serves.

        Raises:
            ModelRejected: a worker has refused the model. At the start no other worker would load it either; later,
                when others serve, the worker is only restarted.
        """
        while self.state.serving == 0:
            self._changed.clear()
            await self._changed.wait()
            if refusal := next((worker.refusal for worker in self._workers if worker.refusal), None):
                raise ModelRejected(refusal)

    async def adopt(self, candidate: Path, current: Path) -> TrialReport:
        """Run the trial of a fetched model, and switch all workers to it, or none.

        Raises:
            ModelRejected: it failed its trial, or a worker cannot load it.
        """
        report = await self._attempt(candidate, current)
        # One worker after the other: loading occupies a processor, and the others keep serving on theirs.
        for worker in self._workers:
            if refusal := await worker.prepare(candidate):
                self._discard()
                raise ModelRejected(refusal)
        await self._change_over(self._load(candidate).version)
        return report

    async def _change_over(self, version: str) -> None:
        """Wait until no worker serves another version; one that does not switch is replaced.

        That can be one that was restarted meanwhile and now fails to load a model that the others have, or one that
        hangs: it is restarted with the new version, and following the registry goes on.
        """

        def late() -> list[WorkerProcess]:
            return [worker for worker in self._workers if worker.model_version not in {None, version}]

        try:
            async with asyncio.timeout(_ADOPTING_SECONDS):
                while any(worker.refusal is None for worker in late()):
                    self._changed.clear()
                    await self._changed.wait()
        except TimeoutError:
            pass
        for worker in late():
            self._log.error("worker did not switch to the new model; replacing it", child=worker.name)
            worker.kill()

    def _discard(self) -> None:
        for worker in self._workers:
            worker.discard()

    def _load(self, folder: Path) -> Model:
        self.state.model = read_description(folder)
        if self._restorer is not None:
            self._restorer.served = folder
        for worker in self._workers:
            worker.load(folder)
        if self._explainer is not None:
            self._explainer.load(folder)
        return self.state.model

    def _on_canary_failure(self, folder: str, cause: WithdrawalCause, reason: str) -> None:
        if self._canary is not None:
            self._canary.failed(folder, cause, reason)

    def _record_canary_end(self, version: str, share: float, reason: str) -> None:
        if self._recorder is not None:
            self._recorder.send(RecordCanaryEnd(version=version, share=share, reason=reason))

    def _on_worker_change(self) -> None:
        self._changed.set()
        self._reporter.report()

    async def _drain(self, processes: Sequence[SupervisedProcess], running: Sequence[asyncio.Task[None]]) -> None:
        self._log.info("draining", processes=[process.name for process in processes])
        self.state.draining = True
        for process in processes:
            process.drain()
        _, late = await asyncio.wait(running, timeout=self._patience_seconds)
        for process in processes:
            process.kill()
        if late:
            self._log.error("killed processes that did not stop in time", processes=len(late))
            await asyncio.wait(late)
