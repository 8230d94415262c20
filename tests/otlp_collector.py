"""A collector of OpenTelemetry spans, for tests: it listens to OTLP over gRPC and remembers."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass

import grpc
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2_grpc import (
    TraceServiceServicer,
    add_TraceServiceServicer_to_server,
)
from opentelemetry.proto.trace.v1.trace_pb2 import Span


@dataclass(frozen=True, slots=True, kw_only=True)
class Collected:
    """A span that was collected."""

    service: str
    """The service that sent it."""
    span: Span
    """The span."""


class Collector(TraceServiceServicer):
    """Remembers every span it is sent."""

    def __init__(self) -> None:
        self._collected: list[Collected] = []
        self.endpoint = ""
        """Where it listens, as OTEL_EXPORTER_OTLP_ENDPOINT takes it."""

    # The service names the method, and gives it a context.
    def Export(  # noqa: N802 - the contract's name
        self,
        request: ExportTraceServiceRequest,
        context: grpc.ServicerContext,  # noqa: ARG002
    ) -> ExportTraceServiceResponse:
        """Remember the spans of a request."""
        for each in request.resource_spans:
            names = {attribute.key: attribute.value.string_value for attribute in each.resource.attributes}
            self._collected.extend(
                Collected(service=names["service.name"], span=span)
                for scope in each.scope_spans
                for span in scope.spans
            )
        return ExportTraceServiceResponse()

    def trace(self, trace_id: str) -> list[Collected]:
        """The spans of a trace that have arrived so far, by the time they began."""
        found = [each for each in list(self._collected) if each.span.trace_id.hex() == trace_id]
        return sorted(found, key=lambda each: each.span.start_time_unix_nano)


@contextmanager
def running_collector() -> Iterator[Collector]:
    """Run a collector on a free port until the end of the block."""
    collector, server = Collector(), grpc.server(ThreadPoolExecutor(max_workers=4))
    add_TraceServiceServicer_to_server(collector, server)  # type: ignore[no-untyped-call]  # generated
    collector.endpoint = f"http://127.0.0.1:{server.add_insecure_port('127.0.0.1:0')}"
    server.start()
    try:
        yield collector
    finally:
        server.stop(grace=None)
