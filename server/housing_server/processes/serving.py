"""A worker, whichever transport carries its calls: its services, and how it follows the supervisor."""

import asyncio
import os
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import structlog
from google.protobuf import json_format
from prometheus_client import CollectorRegistry

from housing.services import EXPLANATION_SERVICE, LOG_SERVICES, PREDICTION_SERVICE, RETRAINING_SERVICE, SERVICES
from housing.v1.status_service_pb2 import GetStatusResponse
from housing_server.control.channel import ControlChannel
from housing_server.control.messages import (
    CanaryFailed,
    CanaryServing,
    ConfigureWorker,
    DiscardModel,
    Drain,
    LoadFailed,
    LoadModel,
    Prepared,
    PrepareModel,
    ReportRecording,
    ReportStatus,
    Serving,
    SetCanary,
)
from housing_server.core.admission import Admission
from housing_server.core.byte_budget import UNSENT_BYTES, ByteBudget
from housing_server.core.calls import CallLog, Calls, background_calls
from housing_server.core.canary import CanarySlot
from housing_server.core.endpoints import Endpoint
from housing_server.core.gate import DrainGate
from housing_server.core.interfaces import PredictionLog
from housing_server.core.model import LoadedModel
from housing_server.core.model_slot import ModelSlot
from housing_server.core.peer_addresses import recorder_of
from housing_server.core.prediction import PredictionCore
from housing_server.core.run_clock import RunClock
from housing_server.core.services import ReportedStatus, model_endpoints, prediction_endpoints, status_endpoints
from housing_server.errors import ModelRejected
from housing_server.explanation.endpoints import explanation_endpoints, explanations_disabled
from housing_server.grpc_transport import health
from housing_server.grpc_transport.health import Health
from housing_server.grpc_transport.reflection import reflection_endpoints
from housing_server.models.loading import load_model
from housing_server.observability.log_metrics import count_dropped_lines
from housing_server.observability.logs import CallLogger, LineBuffer, configure_logging
from housing_server.observability.metrics import WorkerMetrics
from housing_server.observability.metrics_files import count_as
from housing_server.prediction_log.sinks import open_sink
from housing_server.processes.authorities import open_authority
from housing_server.processes.helpers import HelperLink
from housing_server.processes.log_watch import LogWatch
from housing_server.processes.tracers import open_tracer
from housing_server.system.confinement import gain_no_rights
from housing_server.system.memory import RARE, collect_garbage_rarely, keep_releasing_memory, release_freed_memory

if TYPE_CHECKING:
    from housing_server.observability.tracing import SpanTracer

_GIL_SECONDS = 0.0005
"""How long a thread may hold the GIL while others wait for it. The default is ten times as long, by which a batch would
delay each step of the event loop."""


_HIDDEN = "the service's log says why"

_PREDICTING = (health.OVERALL, PREDICTION_SERVICE)
"""The services that are not served while no answer can be recorded."""
_RELAYED = {*LOG_SERVICES, EXPLANATION_SERVICE, RETRAINING_SERVICE}
_OTHERS = tuple(name for name in SERVICES if name not in {PREDICTION_SERVICE, *_RELAYED})
"""The other services that the worker implements itself."""


class Transport(Protocol):
    """Carries the calls of a worker."""

    def mount(self, endpoints: Iterable[Endpoint], calls: Calls) -> None:
        """Serve the methods of a table, each call in a scope of `calls`."""

    @property
    def links(self) -> Sequence[HelperLink]:
        """Connections to the helpers."""

    async def listen(self) -> None:
        """Accept calls from now on; return once callers can connect."""

    async def send_away(self) -> None:
        """Ask clients to reconnect elsewhere; further calls are still answered."""

    async def close(self, seconds: float) -> None:
        """Stop listening, and wait until all responses are sent, or the time is up."""


MakeTransport = Callable[[ConfigureWorker, Calls, ByteBudget], Transport]
"""Creates the transport of a worker from its configuration, the scopes of calls to unknown methods, and the budget of
unsent responses."""


class Worker:
    """The services of a worker, and the model it serves."""

    def __init__(  # noqa: PLR0913 - what it is wired from
        self,
        make_transport: MakeTransport,
        config: ConfigureWorker,
        control: ControlChannel,
        log: structlog.typing.FilteringBoundLogger,
        calls: CallLog,
        *,
        tracer: "SpanTracer | None" = None,
    ) -> None:
        self._metrics = metrics = WorkerMetrics(CollectorRegistry())
        self._gate = DrainGate()
        self._tracer = tracer
        authority = open_authority(config.access, config.name, log)
        shown = None if config.peer_addresses == "full" else recorder_of(config.peer_addresses)
        self._calls = Calls(
            gate=self._gate,
            observer=metrics,
            log=calls,
            tracer=tracer,
            authority=authority,
            peer_on_record=shown,
        )
        self._background = background_calls(metrics, calls, peer_on_record=shown)
        self._admission = Admission(
            metrics, max_rows=config.max_rows_in_flight, max_queue_seconds=config.max_queue_seconds
        )
        self._config = config
        self._control = control
        self._preparing: asyncio.Task[None] | None = None
        observer = metrics if tracer is None else tracer.observing(metrics)
        sink = _open_sink(config)
        self._log_watch = LogWatch(sink, self._recording_changed, log)
        self._watching: list[asyncio.Task[None]] = []
        if config.allow_pyfunc:
            gain_no_rights()
        clock = RunClock(config.max_run_seconds)
        control.alive = lambda: not clock.stuck
        self._core = PredictionCore(observer, sink, self._admission, report=partial(_report, log), clock=clock)
        load = partial(load_model, allow_pyfunc=config.allow_pyfunc)
        self._slot = ModelSlot(self._core, load)
        self._canary_slot = CanarySlot(lambda folder: load(Path(folder)), self._serve_canary)
        self._setting_canary: asyncio.Task[None] | None = None
        self._status = ReportedStatus()
        unsent = ByteBudget(UNSENT_BYTES)
        self._health = Health(SERVICES)
        self._transport = make_transport(config, self._calls, unsent)
        self._links = self._transport.links
        self._mount()

    def _mount(self) -> None:
        """Mount all endpoints: services in the scope of every call, health and reflection in background scopes."""
        services = [prediction_endpoints(self._core), model_endpoints(self._core), status_endpoints(self._status)]
        services += [tuple(link.endpoints) for link in self._links]
        if not self._config.explainer:
            services.append(explanation_endpoints(explanations_disabled))
        for endpoints in services:
            self._transport.mount(endpoints, self._calls)
        for endpoints in (self._health.endpoints, reflection_endpoints((*SERVICES, health.SERVICE_NAME))):
            self._transport.mount(endpoints, self._background)

    async def start(self) -> None:
        """Load the model, if one is configured, and listen: a restarted worker accepts calls only once it can answer.

        Raises:
            ModelRejected: the model cannot be loaded. A worker without it would take calls from those that can answer.
        """
        await self._log_watch.check()
        if self._config.model_folder is not None:
            await self._serve(self._config.model_folder)
        collect_garbage_rarely(RARE)
        await self._transport.listen()
        self._announce()
        self._watching = [asyncio.create_task(self._watch(link)) for link in self._links]
        self._watching += map(asyncio.create_task, (self._log_watch.run(), keep_releasing_memory()))
        if self._config.canary_folder:
            self.start_setting_canary(self._config.canary_folder, self._config.canary_share)

    def start_preparing(self, folder: str) -> None:
        """Load a fetched model beside the served one, while other messages are handled."""
        self._preparing = asyncio.create_task(self._prepare(folder))

    def discard(self) -> None:
        """Drop the prepared model."""
        self._slot.discard()

    async def load(self, folder: str) -> None:
        """Serve a fetched model from now on, or report the failure to the supervisor."""
        try:
            await self._serve(folder)
        except ModelRejected as error:
            self._control.send(LoadFailed(reason=str(error)))
        self._announce()

    def start_setting_canary(self, folder: str, share: float) -> None:
        """Let a fetched model answer a share of the calls, once it is loaded; or no longer, if the folder is empty."""
        if folder:
            self._setting_canary = asyncio.create_task(self._set_canary(folder, share))
        else:
            self._canary_slot.drop()

    def report(self, status: str) -> None:
        """Set the response to GetStatus, given as JSON, and update the gauge of rows in flight."""
        self._metrics.rows_in_flight(self._admission.rows)
        response = json_format.Parse(status, GetStatusResponse())
        if self._config.access is not None and response.prediction_log.problem:
            response.prediction_log.problem = _HIDDEN  # it names hosts and folders, and anyone may ask for the status
        self._status.response = response

    async def drain(self) -> None:
        """Set health to NOT_SERVING, give callers time to notice, then refuse new calls until those in flight end.

        The process may exit only afterwards.
        """
        for watching in self._watching:
            watching.cancel()
        self._health.set((health.OVERALL, *SERVICES), serving=False)
        await self._transport.send_away()
        await asyncio.sleep(self._config.drain_seconds)
        deadline = time.monotonic() + self._config.grace_seconds
        await self._gate.close(self._config.grace_seconds)
        self._health.close()
        await self._transport.close(max(0.0, deadline - time.monotonic()))
        if self._tracer is not None:
            await self._tracer.flush()

    async def _prepare(self, folder: str) -> None:
        try:
            await self._slot.prepare(folder)
        except ModelRejected as error:
            self._control.send(LoadFailed(reason=str(error)))
        else:
            self._control.send(Prepared())

    async def _set_canary(self, folder: str, share: float) -> None:
        try:
            model = await self._canary_slot.set(folder, share)
        except ModelRejected as error:
            self._control.send(CanaryFailed(folder=folder, reason=str(error), loaded=False))
        else:
            if model is not None:
                self._control.send(CanaryServing(folder=folder))

    def _serve_canary(self, model: LoadedModel | None, share: float, folder: str) -> None:
        loop = asyncio.get_running_loop()

        def report(reason: str, rows: int) -> None:
            if model is not None:
                self._metrics.canary_failed(model.description.version, rows)
            loop.call_soon_threadsafe(self._end_canary, folder, reason)

        self._core.serve_canary(model, share, report)

    def _end_canary(self, folder: str, reason: str) -> None:
        """Drop a canary that has failed at a call, unless another one has replaced it."""
        if self._canary_slot.folder == folder:
            self._canary_slot.drop()
            self._control.send(CanaryFailed(folder=folder, reason=reason, loaded=True))

    async def _serve(self, folder: str) -> None:
        await self._slot.serve(folder)
        await asyncio.to_thread(release_freed_memory)  # of the previous model

    def _announce(self) -> None:
        if self._core.model is not None:
            self._health.set(_OTHERS, serving=True)
            self._set_prediction_health()
            self._control.send(Serving(model_version=self._core.model.description.version))

    async def _recording_changed(self, problem: str) -> None:
        """Set the health of predictions to NOT_SERVING while answers cannot be recorded; other calls are answered."""
        if self._core.model is not None:
            self._set_prediction_health()
        self._control.send(ReportRecording(problem=problem))

    def _set_prediction_health(self) -> None:
        self._health.set(_PREDICTING, serving=not self._log_watch.problem)

    async def _watch(self, link: HelperLink) -> None:
        """Keep the health of a helper's services that of the process which answers them."""
        async for connected in link.watch():
            self._health.set(link.services, serving=connected)


def _open_sink(config: ConfigureWorker) -> PredictionLog:
    return open_sink(
        config.prediction_log_mode,
        url=config.prediction_log_url,
        journal_folder=Path(config.journal_folder),
        writer=config.name,
    )


def _report(log: CallLog, error: Exception) -> None:
    """Log that the core's observer failed; the answers are valid."""
    log.error("counting an answer failed", exc_info=error)


async def follow(control: ControlChannel, config: ConfigureWorker, make_transport: MakeTransport) -> None:
    """Serve under the supervisor's control, until the supervisor stops the worker or exits, and calls have ended.

    Raises:
        ModelRejected: the first model cannot be loaded; the supervisor has been informed.
    """
    sys.setswitchinterval(_GIL_SECONDS)
    count_as(config.name)
    lines = LineBuffer(sys.stdout.buffer, config.name)
    count_dropped_lines(lines, config.name, CollectorRegistry())
    log = configure_logging(config.name, lines)
    calls = CallLogger(config.name, lines, log)
    try:
        worker = Worker(make_transport, config, control, log, calls, tracer=open_tracer(os.environ, config.name, log))
        await worker.start()
    except ModelRejected as error:
        log.error("the model cannot be loaded", reason=str(error))
        control.send(LoadFailed(reason=str(error)))
        await control.flush()
        raise
    await _handle_messages(worker, control)
    await worker.drain()
    lines.flush()


async def _handle_messages(worker: Worker, control: ControlChannel) -> None:
    """Handle the supervisor's messages until it stops the worker or exits."""
    async for message in control:
        match message:
            case PrepareModel(folder=folder):
                worker.start_preparing(folder)
            case DiscardModel():
                worker.discard()
            case LoadModel(folder=folder):
                await worker.load(folder)
            case SetCanary(folder=folder, share=share):
                worker.start_setting_canary(folder, share)
            case ReportStatus(status=status):
                worker.report(status)
            case Drain():
                return
