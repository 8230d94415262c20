"""A worker: one process that answers gRPC calls on the port it shares with the others.

Started by the supervisor through `housing_server.processes.launch`, with its end of the control socket as argument.
When the supervisor dies, the worker finishes its calls and exits: nobody would be left to stop it.
"""

import asyncio
import os
import socket
import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import grpc
import structlog
import uvloop
from google.protobuf import json_format
from grpc_health.v1 import health
from grpc_health.v1.health_pb2 import HealthCheckResponse
from grpc_health.v1.health_pb2_grpc import add_HealthServicer_to_server
from grpc_reflection.v1alpha import reflection
from prometheus_client import CollectorRegistry

from housing.addresses import join_address
from housing.contract import EXPLANATION_SERVICE, LOG_SERVICES, PREDICTION_SERVICE, SERVICES
from housing.v1.explanation_service_pb2_grpc import add_ExplanationServiceServicer_to_server
from housing.v1.model_service_pb2_grpc import add_ModelServiceServicer_to_server
from housing.v1.status_service_pb2 import GetStatusResponse
from housing.v1.status_service_pb2_grpc import add_StatusServiceServicer_to_server
from housing_server.control.channel import ControlChannel
from housing_server.control.messages import (
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
)
from housing_server.core.admission import Admission
from housing_server.core.gate import Gate
from housing_server.core.interfaces import PredictionLog
from housing_server.core.model_slot import ModelSlot
from housing_server.core.prediction import PredictionCore
from housing_server.errors import ModelRejected
from housing_server.grpc_transport.call import Call, CallLog
from housing_server.grpc_transport.explanation import ExplanationServicer, explain_nothing
from housing_server.grpc_transport.prediction import (
    ModelServicer,
    PredictionServicer,
    StatusServicer,
    add_prediction_service,
)
from housing_server.grpc_transport.reflection import ReflectionPool
from housing_server.grpc_transport.relay import Relay
from housing_server.models.loading import load_model
from housing_server.observability.logs import CallLines, LineBuffer, configure_logging
from housing_server.observability.metrics import WorkerMetrics
from housing_server.observability.metrics_files import count_as
from housing_server.observability.tracing_options import read_tracing
from housing_server.prediction_log.sinks import open_sink
from housing_server.processes.log_watch import LogWatch
from housing_server.system.confinement import gain_no_rights
from housing_server.system.memory import release_freed_memory

if TYPE_CHECKING:
    from housing_server.observability.tracing import SpanTracer

MAX_REQUEST_BYTES = 4 << 20
"""The largest legal batch is about 1 MB; what is far over it is refused before it is parsed."""

_GIL_SECONDS = 0.0005
"""How long a thread may keep Python's lock while others wait for it. By default it is ten times as long, which the
event loop would lose to a batch each time it has something to do."""


_PREDICTING = (health.OVERALL_HEALTH, PREDICTION_SERVICE)
"""What is not served while no answer can be put on record."""
_OTHERS = tuple(name for name in SERVICES if name != PREDICTION_SERVICE)


class Worker:
    """A gRPC server and the model it serves."""

    def __init__(
        self,
        config: ConfigureWorker,
        control: ControlChannel,
        log: structlog.typing.FilteringBoundLogger,
        calls: CallLog,
        tracer: "SpanTracer | None" = None,
    ) -> None:
        self._metrics = metrics = WorkerMetrics(CollectorRegistry())
        self._gate = Gate()
        self._tracer = tracer
        call = partial(Call, gate=self._gate, observer=metrics, log=calls, tracer=tracer)
        self._admission = Admission(
            metrics, max_rows=config.max_rows_in_flight, max_queue_seconds=config.max_queue_seconds
        )
        self._config = config
        self._control = control
        self._preparing: asyncio.Task[None] | None = None
        observer = metrics if tracer is None else tracer.observing(metrics)
        sink = _open_sink(config)
        self._log_watch = LogWatch(sink, self._recording_changed, log)
        self._watching: asyncio.Task[None] | None = None
        if config.allow_pyfunc:
            gain_no_rights()
        self._core = PredictionCore(observer, sink, self._admission, report=partial(_report, log))
        self._slot = ModelSlot(self._core, partial(load_model, allow_pyfunc=config.allow_pyfunc))
        self._status = StatusServicer(call)
        self._health = health.aio.HealthServicer()
        self._server = grpc.aio.server(options=_server_options(config))
        add_prediction_service(PredictionServicer(self._core, call), self._server)
        add_ModelServiceServicer_to_server(ModelServicer(self._core, call), self._server)
        add_StatusServiceServicer_to_server(self._status, self._server)
        add_HealthServicer_to_server(self._health, self._server)
        if config.recorder:
            self._server.add_generic_rpc_handlers([Relay(config.recorder, LOG_SERVICES, call)])
        if config.explainer:
            self._server.add_generic_rpc_handlers([Relay(config.explainer, [EXPLANATION_SERVICE], call)])
        else:
            add_ExplanationServiceServicer_to_server(ExplanationServicer(explain_nothing, call), self._server)
        names = (*SERVICES, health.SERVICE_NAME, reflection.SERVICE_NAME)
        pool: Any = ReflectionPool()
        reflection.enable_server_reflection(names, self._server, pool)

    async def start(self) -> None:
        """Listen; where a model is known already, with it loaded, so that a restart is not seen by callers.

        Raises:
            ModelRejected: that model cannot be loaded. To listen without it would take calls from those who can answer.
        """
        await self._set_health(HealthCheckResponse.NOT_SERVING)
        await self._log_watch.look()
        if self._config.model_folder is not None:
            await self._serve(self._config.model_folder)
        self._server.add_insecure_port(join_address(self._config.host, self._config.port))
        await self._server.start()
        await self._announce()
        self._watching = asyncio.create_task(self._log_watch.run())

    def start_preparing(self, folder: str) -> None:
        """Load a fetched model beside the one that is served, while other messages are heard."""
        self._preparing = asyncio.create_task(self._prepare(folder))

    def discard(self) -> None:
        """Drop the model that was prepared."""
        self._slot.discard()

    async def load(self, folder: str) -> None:
        """Serve a fetched model from now on, or tell the supervisor why not."""
        try:
            await self._serve(folder)
        except ModelRejected as error:
            self._control.send(LoadFailed(reason=str(error)))
        await self._announce()

    def report(self, status: str) -> None:
        """Answer GetStatus with this message, given as JSON, from now on; the time to tell what is under way, too."""
        self._metrics.rows_in_flight(self._admission.rows)
        self._status.status = json_format.Parse(status, GetStatusResponse())

    async def drain(self) -> None:
        """Take health down, give callers time to notice, then refuse new calls until those in flight are done.

        Only then may the process end. The gRPC server itself is never stopped: it would answer calls that have arrived
        but not begun with CANCELLED, which no client tries again, where a closed connection is UNAVAILABLE.
        """
        if self._watching is not None:
            self._watching.cancel()
        await self._set_health(HealthCheckResponse.NOT_SERVING)
        await asyncio.sleep(self._config.drain_seconds)
        await self._gate.close(self._config.grace_seconds)
        if self._tracer is not None:
            await self._tracer.flush()

    async def _prepare(self, folder: str) -> None:
        try:
            await self._slot.prepare(folder)
        except ModelRejected as error:
            self._control.send(LoadFailed(reason=str(error)))
        else:
            self._control.send(Prepared())

    async def _serve(self, folder: str) -> None:
        await self._slot.serve(folder)
        await asyncio.to_thread(release_freed_memory)  # what the model before it has left

    async def _announce(self) -> None:
        if self._core.model is not None:
            await self._set_health(HealthCheckResponse.SERVING, _OTHERS)
            await self._set_prediction_health()
            self._control.send(Serving(model_version=self._core.model.description.version))

    async def _recording_changed(self, problem: str) -> None:
        """Take predictions out of service while no answer can be put on record; other calls are answered."""
        if self._core.model is not None:
            await self._set_prediction_health()
        self._control.send(ReportRecording(problem=problem))

    async def _set_prediction_health(self) -> None:
        recording = not self._log_watch.problem
        await self._set_health(
            HealthCheckResponse.SERVING if recording else HealthCheckResponse.NOT_SERVING, _PREDICTING
        )

    async def _set_health(self, status: int, names: Sequence[str] = (health.OVERALL_HEALTH, *SERVICES)) -> None:
        for name in names:
            await self._health.set(name, status)


def _open_sink(config: ConfigureWorker) -> PredictionLog:
    return open_sink(
        config.prediction_log_mode,
        url=config.prediction_log_url,
        journal_folder=Path(config.journal_folder),
        writer=config.name,
    )


def _server_options(config: ConfigureWorker) -> list[tuple[str, int]]:
    return [
        ("grpc.so_reuseport", 1),
        ("grpc.max_receive_message_length", MAX_REQUEST_BYTES),
        # A connection stays with the worker that accepted it, so old ones are closed, gracefully, to spread the load.
        ("grpc.max_connection_age_ms", int(config.max_connection_age_seconds * 1000)),
        ("grpc.max_connection_age_grace_ms", int(config.grace_seconds * 1000)),
        ("grpc.max_concurrent_streams", config.max_concurrent_streams),
        # Dead peers are noticed, and clients may ask as often as every 10 s whether this one is alive.
        ("grpc.keepalive_time_ms", 60_000),
        ("grpc.keepalive_timeout_ms", 20_000),
        ("grpc.http2.min_recv_ping_interval_without_data_ms", 10_000),
    ]


def _report(log: CallLog, error: Exception) -> None:
    """Log that what the core did could not be counted; the answers stand."""
    log.error("an answer was not counted", exc_info=error)


def _tracer(worker: str, log: structlog.typing.FilteringBoundLogger) -> "SpanTracer | None":
    """Make what traces calls, if the environment says that they are traced."""
    options = read_tracing(os.environ)
    if options is None:
        return None
    from housing_server.observability.tracing import SpanTracer  # noqa: PLC0415 - an extra, which costs time and memory

    return SpanTracer.exporting(options.endpoint, worker, log)


async def serve(control_end: socket.socket) -> None:
    """Serve as the supervisor says, until it says to stop or is gone."""
    control = await ControlChannel.open(control_end)
    config = await control.receive()
    if not isinstance(config, ConfigureWorker):
        return
    count_as(config.name)
    lines = LineBuffer(sys.stdout.buffer, config.name)
    log = configure_logging(config.name, lines)
    try:
        worker = Worker(config, control, log, CallLines(config.name, lines, log), _tracer(config.name, log))
        await worker.start()
    except ModelRejected as error:
        log.error("the model cannot be loaded", reason=str(error))
        control.send(LoadFailed(reason=str(error)))
        await control.flush()
        sys.exit(1)
    async for message in control:
        match message:
            case PrepareModel(folder=folder):
                worker.start_preparing(folder)
            case DiscardModel():
                worker.discard()
            case LoadModel(folder=folder):
                await worker.load(folder)
            case ReportStatus(status=status):
                worker.report(status)
            case Drain():
                break
    await worker.drain()
    lines.flush()
    os._exit(0)  # see Worker.drain


if __name__ == "__main__":
    sys.setswitchinterval(_GIL_SECONDS)
    uvloop.run(serve(socket.socket(fileno=int(sys.argv[1]))))
