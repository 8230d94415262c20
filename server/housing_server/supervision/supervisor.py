"""The supervisor: one process that reads the registry, keeps the workers running and serves the side port."""

import asyncio
import signal
from collections.abc import Sequence
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import structlog
from google.protobuf import json_format

from housing.v1.model_service_pb2 import Model
from housing_server.control.messages import ReportStatus
from housing_server.errors import ModelRejected
from housing_server.model_store.files import read_description
from housing_server.model_store.trials import TrialReport, try_model
from housing_server.model_store.updates import ModelUpdates, Source
from housing_server.settings import ServerSettings
from housing_server.supervision.explainer import ExplainerProcess
from housing_server.supervision.metrics import service_registry
from housing_server.supervision.process import SupervisedProcess
from housing_server.supervision.process_configs import Layout
from housing_server.supervision.recorder import RecorderProcess
from housing_server.supervision.side_port import Probes, SidePort
from housing_server.supervision.state import ServiceState
from housing_server.supervision.worker import WorkerProcess
from housing_server.system.ports import reserved_port

_REPORT_SECONDS = 1.0


async def supervise(settings: ServerSettings, source: Source, log: structlog.typing.FilteringBoundLogger) -> None:
    """Serve until SIGTERM or SIGINT, then let the calls in flight finish and return; on SIGHUP look for a new model.

    Args:
        settings: how to serve.
        source: the registered model.
        log: is told of what happens.

    Raises:
        StartError: a port is taken, or there is no model that can be served.
    """
    settings.state_dir.mkdir(parents=True, exist_ok=True)
    stopping, look_now = asyncio.Event(), asyncio.Event()
    for number, event in ((signal.SIGTERM, stopping), (signal.SIGINT, stopping), (signal.SIGHUP, look_now)):
        asyncio.get_running_loop().add_signal_handler(number, event.set)
    with ExitStack() as stack:
        port = stack.enter_context(reserved_port(settings.host, settings.grpc_port, "HOUSING_GRPC_PORT"))
        run_dir = Path(stack.enter_context(TemporaryDirectory(prefix="housing-")))
        supervisor = Supervisor(settings, port, run_dir, log)
        registry = service_registry(supervisor.state, run_dir)
        probes = Probes(ready=lambda: supervisor.state.ready)
        side_port = stack.enter_context(SidePort(settings.host, settings.metrics_port, registry, probes))
        log.info("listening", host=settings.host, grpc_port=port, metrics_port=side_port.port)
        await supervisor.run(source, stopping, look_now)
    log.info("stopped")


class Supervisor:
    """Keeps the workers running, tells them which model to serve and what the state of the service is."""

    def __init__(
        self, settings: ServerSettings, port: int, run_dir: Path, log: structlog.typing.FilteringBoundLogger
    ) -> None:
        """Prepare the processes; none runs yet.

        Args:
            settings: how to serve.
            port: what workers listen on.
            run_dir: holds the metrics' files and sockets of this run.
            log: is told of what happens.
        """
        layout = Layout(settings, port, run_dir)
        self._workers = [
            WorkerProcess(layout.worker(slot), run_dir, log, self._worker_changed) for slot in range(settings.workers)
        ]
        self._recorder = None
        if settings.prediction_log_mode != "off":
            self._recorder = RecorderProcess(layout.recorder(), run_dir, log, lambda: None)
        self._explainer = None
        if layout.explains:
            self._explainer = ExplainerProcess(layout.explainer(), run_dir, log, lambda: None)
        elif settings.explainer == "on":
            log.warning("prices are not explained: XGBoost is missing; pip install '.[explainer]'")
        self._settings = settings
        self._patience_seconds = settings.drain_seconds + settings.grace_seconds + 5
        self._log = log
        self._changed = asyncio.Event()
        self.state = ServiceState(self._workers, settings.state_dir, self._recorder, self._explainer)
        """What is known of the service."""

    async def run(self, source: Source, stopping: asyncio.Event, look_now: asyncio.Event) -> None:
        """Run the workers until told to stop.

        Raises:
            StartError: there is no model that can be served.
        """
        workers = [asyncio.create_task(worker.keep_running()) for worker in self._workers]
        helpers = [each for each in (self._recorder, self._explainer) if each is not None]
        helping = [asyncio.create_task(helper.keep_running()) for helper in helpers]
        duties = [
            asyncio.create_task(duty)
            for duty in (self._until_stopped(stopping), self._serve_model(source, look_now), self._report_status())
        ]
        try:
            # A duty ends only by failing, or by being told to stop.
            done, _ = await asyncio.wait(duties, return_when=asyncio.FIRST_COMPLETED)
            for duty in done:
                duty.result()
        finally:
            for duty in duties:
                duty.cancel()
            await self._drain(self._workers, workers)
            if helpers:  # once nobody needs them any more
                await self._drain(helpers, helping)

    async def _until_stopped(self, stopping: asyncio.Event) -> None:
        await stopping.wait()

    async def _serve_model(self, source: Source, look_now: asyncio.Event) -> None:
        ratio, poll_seconds = self._settings.swap_max_latency_ratio, self._settings.model_poll_seconds
        attempt = partial(try_model, max_latency_ratio=ratio, allow_pyfunc=self._settings.allow_pyfunc)
        updates = ModelUpdates(source, attempt, self.adopt, poll_seconds=poll_seconds, state=self.state, log=self._log)
        folder = await updates.first()
        model = self._load(folder)
        while self.state.serving == 0:
            self._changed.clear()
            await self._changed.wait()
            # What no worker can load at first never will be; later, when others serve, the worker is only restarted.
            if refusal := next((worker.refusal for worker in self._workers if worker.refusal), None):
                raise ModelRejected(refusal)
        self._log.info("serving", model=model.name, model_version=model.version)
        await updates.follow(folder, look_now)
        await asyncio.Event().wait()  # it follows nothing when the version is fixed

    async def adopt(self, candidate: Path, current: Path) -> TrialReport:
        """Try a fetched model, and have all workers serve it in the place of the current one, or none of them.

        Raises:
            ModelRejected: it failed its trial, or a worker cannot load it.
        """
        ratio, allow_pyfunc = self._settings.swap_max_latency_ratio, self._settings.allow_pyfunc
        report = await try_model(candidate, current, ratio, allow_pyfunc=allow_pyfunc)
        # One worker after the other: loading takes a processor, and the others go on answering on theirs.
        for worker in self._workers:
            if refusal := await worker.prepare(candidate):
                self._discard()
                raise ModelRejected(refusal)
        version = self._load(candidate).version
        while any(worker.model_version not in {None, version} for worker in self._workers):
            self._changed.clear()
            await self._changed.wait()
        return report

    def _discard(self) -> None:
        for worker in self._workers:
            worker.discard()

    def _load(self, folder: Path) -> Model:
        self.state.model = read_description(folder)
        for worker in self._workers:
            worker.load(folder)
        if self._explainer is not None:
            self._explainer.load(folder)
        return self.state.model

    async def _report_status(self) -> None:
        while True:
            self._report_once()
            await asyncio.sleep(_REPORT_SECONDS)

    def _report_once(self) -> None:
        status = ReportStatus(status=json_format.MessageToJson(self.state.report(), indent=None))
        for worker in self._workers:
            worker.send(status)

    def _worker_changed(self) -> None:
        self._changed.set()
        self._report_once()

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
