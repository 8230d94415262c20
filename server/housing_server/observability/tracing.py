"""Tracing: a span for every call, and for the stages of answering it, sent to an OpenTelemetry collector.

Imported only by a worker that traces. What the spans are called follows OpenTelemetry's conventions for gRPC.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Iterable

import structlog
from google.rpc import code_pb2
from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import OTELResourceDetector, Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.semconv.attributes.error_attributes import ERROR_TYPE
from opentelemetry.semconv.attributes.service_attributes import SERVICE_INSTANCE_ID, SERVICE_NAME
from opentelemetry.trace import Span, SpanKind, Status, Tracer, format_trace_id, set_span_in_context
from opentelemetry.trace import StatusCode as SpanStatus
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from housing_server.core.answers import Answers
from housing_server.core.callers import RunTimes
from housing_server.core.calls import CODE_NAMES, Method
from housing_server.core.interfaces import PredictionObserver

# The conventions hold these to be stable, the package of their names not yet.
_RPC_SYSTEM, _RPC_METHOD, _RPC_CODE = "rpc.system.name", "rpc.method", "rpc.response.status_code"

_NAME = "housing-server"
_FLUSH_SECONDS = 3.0
"""The supervisor kills a worker that takes longer to stop than the calls in flight and 5 s."""

_FAILURES = frozenset(
    {
        code_pb2.UNKNOWN,
        code_pb2.DEADLINE_EXCEEDED,
        code_pb2.UNIMPLEMENTED,
        code_pb2.INTERNAL,
        code_pb2.UNAVAILABLE,
        code_pb2.DATA_LOSS,
    }
)
"""Codes that are the server's failure; the conventions leave the status of others, which are the caller's, unset."""


class ServerSpan:
    """The span of one call, in the caller's trace or in one that it begins."""

    __slots__ = ("_span", "_tracer", "trace_id")

    def __init__(self, span: Span, tracer: Tracer) -> None:
        self._span = span
        self._tracer = tracer
        self.trace_id = format_trace_id(span.get_span_context().trace_id)
        """Id of the trace, 32 hexadecimal digits; that of one that is not kept, too."""

    def ran(self, times: RunTimes) -> None:
        """Note the stages of a run that has just answered the call; from any thread."""
        if not self._span.is_recording():
            return
        parent, end = set_span_in_context(self._span), time.time_ns()
        for name, seconds in reversed(times._asdict().items()):
            start = end - int(seconds * 1e9)
            self._tracer.start_span(name, parent, start_time=start).end(end)
            end = start

    def end(self, code: int) -> None:
        """End the span with the `google.rpc.Code` of the call."""
        self._span.set_attribute(_RPC_CODE, CODE_NAMES[code])
        if code in _FAILURES:
            self._span.set_attribute(ERROR_TYPE, CODE_NAMES[code])
            self._span.set_status(Status(SpanStatus.ERROR))
        self._span.end()


class SpanTracer:
    """Makes the spans of calls."""

    def __init__(self, provider: TracerProvider) -> None:
        self._provider = provider
        self._tracer = provider.get_tracer("housing_server")
        self._propagator = TraceContextTextMapPropagator()

    @classmethod
    def exporting(cls, endpoint: str, worker: str, log: structlog.typing.FilteringBoundLogger) -> SpanTracer:
        """Make one that sends spans in batches, from a thread of its own; its other settings are OTEL_* variables.

        Args:
            endpoint: where to send them by OTLP over gRPC, for example `http://localhost:4317`.
            worker: the worker's name.
            log: is told when that fails, on the running event loop.
        """
        resource = Resource.create({SERVICE_INSTANCE_ID: worker})
        named = Resource({SERVICE_NAME: _NAME}).merge(OTELResourceDetector().detect())
        provider = TracerProvider(resource=resource.merge(named), shutdown_on_exit=False)
        provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(endpoint)))
        logger = logging.getLogger("opentelemetry")
        logger.addHandler(_Complaints(log, asyncio.get_running_loop()))
        logger.propagate = False
        return cls(provider)

    def start(self, method: Method, metadata: Iterable[tuple[str, str | bytes]]) -> ServerSpan:
        """Begin the span of a call that has arrived with this metadata."""
        parent = self._propagator.extract(dict(metadata))
        name = f"{method.service}/{method.name}"
        attributes = {_RPC_SYSTEM: "grpc", _RPC_METHOD: name}
        return ServerSpan(self._tracer.start_span(name, parent, SpanKind.SERVER, attributes), self._tracer)

    def observing(self, observer: PredictionObserver) -> TracedRuns:
        """Make what tells an observer of the core what it did, after noting it in the spans of the calls."""
        return TracedRuns(observer)

    async def flush(self, seconds: float = _FLUSH_SECONDS) -> None:
        """Send what is still here and stop; give up after so long."""
        try:
            await asyncio.wait_for(asyncio.to_thread(self._provider.shutdown), seconds)
        except TimeoutError:
            return  # a collector that does not answer must not keep the worker


class TracedRuns:
    """Passes on what the core did, after noting it in the spans of the calls."""

    def __init__(self, observer: PredictionObserver) -> None:
        self._observer = observer
        self.refused = observer.refused
        """Passes on a refusal."""
        self.failed = observer.failed
        """Passes on rows without an answer."""

    def predicted(self, answers: Answers, times: RunTimes) -> None:
        """Pass on that rows were answered by one run of a model; each call has waited for it by itself."""
        for caller, latency in zip(answers.callers, answers.latency_seconds, strict=True):
            if caller.span is not None:
                caller.span.ran(times._replace(queue=max(0.0, latency - times.inference)))
        self._observer.predicted(answers, times)


class _Complaints(logging.Handler):
    """Logs what OpenTelemetry's packages complain of, from whichever thread."""

    def __init__(self, log: structlog.typing.FilteringBoundLogger, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__(logging.WARNING)
        self._log = log
        self._loop = loop

    def emit(self, record: logging.LogRecord) -> None:
        self._loop.call_soon_threadsafe(lambda: self._log.warning("tracing", problem=record.getMessage()))
