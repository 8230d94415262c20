"""Tracing: a span for every call and for the stages of a run, exported to an OpenTelemetry collector.

Imported only by workers that trace. Span names follow OpenTelemetry's conventions for gRPC.
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

# These names are stable in the conventions, but not yet in the package that defines them.
_RPC_SYSTEM, _RPC_METHOD, _RPC_CODE = "rpc.system.name", "rpc.method", "rpc.response.status_code"

_NAME = "housing-server"
_FLUSH_SECONDS = 3.0
"""Less than the supervisor allows for a stop: the calls in flight and 5 s."""

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
"""Codes that count as errors of the server; by the conventions the span status of the caller's errors stays unset."""


class ServerSpan:
    """The span of one call, in the caller's trace or in a new one."""

    __slots__ = ("_span", "_tracer", "trace_id")

    def __init__(self, span: Span, tracer: Tracer) -> None:
        self._span = span
        self._tracer = tracer
        self.trace_id = format_trace_id(span.get_span_context().trace_id)
        """Id of the trace, 32 hexadecimal digits, whether it is sampled or not."""

    def ran(self, times: RunTimes) -> None:
        """Add a child span for each phase of the run that answered the call; from any thread."""
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
    """Creates the spans of calls."""

    def __init__(self, provider: TracerProvider) -> None:
        self._provider = provider
        self._tracer = provider.get_tracer("housing_server")
        self._propagator = TraceContextTextMapPropagator()

    @classmethod
    def exporting(cls, endpoint: str, worker: str, log: structlog.typing.FilteringBoundLogger) -> SpanTracer:
        """Create a tracer that exports spans in batches on a thread; its other settings are OTEL_* variables.

        Args:
            endpoint: where to send them by OTLP over gRPC, for example `http://localhost:4317`.
            worker: the worker's name.
            log: logs export failures, on the running event loop.
        """
        resource = Resource.create({SERVICE_INSTANCE_ID: worker})
        named = Resource({SERVICE_NAME: _NAME}).merge(OTELResourceDetector().detect())
        provider = TracerProvider(resource=resource.merge(named), shutdown_on_exit=False)
        provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(endpoint)))
        logger = logging.getLogger("opentelemetry")
        logger.addHandler(_Forwarder(log, asyncio.get_running_loop()))
        logger.propagate = False
        return cls(provider)

    def start(self, method: Method, metadata: Iterable[tuple[str, str | bytes]]) -> ServerSpan:
        """Start the span of a call that has arrived with this metadata."""
        parent = self._propagator.extract(dict(metadata))
        name = f"{method.service}/{method.name}"
        attributes = {_RPC_SYSTEM: "grpc", _RPC_METHOD: name}
        return ServerSpan(self._tracer.start_span(name, parent, SpanKind.SERVER, attributes), self._tracer)

    def observing(self, observer: PredictionObserver) -> TracedRuns:
        """Wrap an observer of the core, so that runs are recorded in the spans of their calls as well."""
        return TracedRuns(observer)

    async def flush(self, seconds: float = _FLUSH_SECONDS) -> None:
        """Export what is buffered and shut down, within `seconds`."""
        try:
            await asyncio.wait_for(asyncio.to_thread(self._provider.shutdown), seconds)
        except TimeoutError:
            return  # a collector that does not respond must not delay the worker


class TracedRuns:
    """Records runs in the spans of their calls, and forwards everything to an observer."""

    def __init__(self, observer: PredictionObserver) -> None:
        self._observer = observer
        self.refused = observer.refused
        """Forwards a refusal."""
        self.failed = observer.failed
        """Forwards failed rows."""

    def predicted(self, answers: Answers, times: RunTimes) -> None:
        """Record a run in the span of each call, with the queueing time of that call, and forward it."""
        for caller, latency in zip(answers.callers, answers.latency_seconds, strict=True):
            if caller.span is not None:
                caller.span.ran(times._replace(queue=max(0.0, latency - times.inference)))
        self._observer.predicted(answers, times)


class _Forwarder(logging.Handler):
    """Forwards warnings of OpenTelemetry's packages to the log, from any thread."""

    def __init__(self, log: structlog.typing.FilteringBoundLogger, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__(logging.WARNING)
        self._log = log
        self._loop = loop

    def emit(self, record: logging.LogRecord) -> None:
        self._loop.call_soon_threadsafe(lambda: self._log.warning("tracing", problem=record.getMessage()))
