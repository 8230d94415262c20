"""The spans of calls, as an exporter in memory gets them."""

import asyncio
import logging
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest
import structlog
from google.rpc import code_pb2
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SimpleSpanProcessor, SpanExporter, SpanExportResult
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF
from opentelemetry.trace import SpanKind, StatusCode, format_span_id, format_trace_id

from housing.example import BERKELEY
from housing.rows import message_from_mapping
from housing.v1.prediction_service_pb2 import BatchPredictRequest, PredictRequest, StreamPredictRequest
from housing_server.core.admission import Admission
from housing_server.core.callers import Caller
from housing_server.core.calls import CODE_NAMES, Method
from housing_server.core.model import LoadedModel
from housing_server.core.prediction import PredictionCore
from housing_server.errors import InvalidRequest
from housing_server.observability.tracing import SpanTracer, TracedRuns
from serving_fakes import IncomeModel, ListLog, Notes, batch_predict, predict

METHOD = Method(kind="unary", service="test.Service", name="Do")
TRACE, PARENT = "ab" * 16, "cd" * 8
BLOCK_GROUP = message_from_mapping(BERKELEY)
STAGES = ["queue", "inference", "append"]


class Traces:
    """A tracer, and the spans that it has made."""

    def __init__(self, **options: Any) -> None:
        self._exporter = InMemorySpanExporter()
        provider = TracerProvider(**options)
        provider.add_span_processor(SimpleSpanProcessor(self._exporter))
        self.tracer = SpanTracer(provider)

    def caller(self, method: str = "Predict", traceparent: str = "") -> Caller:
        """A caller whose call is traced."""
        metadata = [("traceparent", traceparent)] if traceparent else []
        span = self.tracer.start(Method(kind="unary", service="test.Service", name=method), metadata)
        return Caller(method, "peer", None, span.trace_id, time.perf_counter(), span=span)

    @property
    def spans(self) -> tuple[ReadableSpan, ...]:
        """The spans that have ended, in that order."""
        return self._exporter.get_finished_spans()

    def stages(self, caller: Caller) -> list[ReadableSpan]:
        """The spans in the trace of a call that has not ended, by the time they began."""
        found = [span for span in self.spans if format_trace_id(span.context.trace_id) == caller.trace_id]
        return sorted(found, key=lambda span: span.start_time or 0)


@pytest.fixture
def traces() -> Traces:
    """A tracer that keeps every trace."""
    return Traces()


@pytest.fixture
def core() -> PredictionCore:
    """A core whose runs are traced."""
    notes = Notes()
    core = PredictionCore(TracedRuns(notes), ListLog(), Admission(notes, max_rows=1_000, max_queue_seconds=1e9))
    core.model = LoadedModel(predictor=IncomeModel())
    return core


def test_call_without_a_trace_begins_one(traces: Traces) -> None:
    """The span is a root, of a server, and the trace's id is known while the call is answered."""
    begun = traces.tracer.start(METHOD, [("user-agent", "test"), ("data-bin", b"\xff")])
    begun.end(code_pb2.OK)
    (span,) = traces.spans
    assert (span.name, span.kind, span.parent) == ("test.Service/Do", SpanKind.SERVER, None)
    assert format_trace_id(span.context.trace_id) == begun.trace_id
    assert dict(span.attributes or {}) == {
        "rpc.system.name": "grpc",
        "rpc.method": "test.Service/Do",
        "rpc.response.status_code": "OK",
    }


def test_call_continues_the_trace_of_its_caller(traces: Traces) -> None:
    """The parent is the span that `traceparent` names."""
    begun = traces.tracer.start(METHOD, [("traceparent", f"00-{TRACE}-{PARENT}-01")])
    begun.end(code_pb2.OK)
    (span,) = traces.spans
    assert span.parent is not None
    assert (begun.trace_id, format_span_id(span.parent.span_id)) == (TRACE, PARENT)


@pytest.mark.parametrize("traceparent", ["", "nonsense", f"00-{'0' * 32}-{PARENT}-01", f"00-{TRACE}-{'0' * 16}-01"])
def test_bad_traceparent_is_as_good_as_none(traces: Traces, traceparent: str) -> None:
    """A new trace begins, with an id of its own."""
    begun = traces.tracer.start(METHOD, [("traceparent", traceparent)])
    begun.end(code_pb2.OK)
    assert traces.spans[0].parent is None
    assert begun.trace_id not in {TRACE, "0" * 32}


@pytest.mark.parametrize(
    ("code", "status"),
    [
        (code_pb2.OK, StatusCode.UNSET),
        (code_pb2.INVALID_ARGUMENT, StatusCode.UNSET),
        (code_pb2.RESOURCE_EXHAUSTED, StatusCode.UNSET),
        (code_pb2.CANCELLED, StatusCode.UNSET),
        (code_pb2.INTERNAL, StatusCode.ERROR),
        (code_pb2.UNAVAILABLE, StatusCode.ERROR),
        (code_pb2.DEADLINE_EXCEEDED, StatusCode.ERROR),
    ],
)
def test_only_failures_of_the_server_are_errors(traces: Traces, code: int, status: StatusCode) -> None:
    """What the caller did wrong is no error of the span; its code tells either way."""
    traces.tracer.start(METHOD, []).end(code)
    (span,) = traces.spans
    attributes = span.attributes or {}
    assert (span.status.status_code, attributes["rpc.response.status_code"]) == (status, CODE_NAMES[code])
    assert attributes.get("error.type") == (CODE_NAMES[code] if status is StatusCode.ERROR else None)


def test_trace_that_is_not_kept_has_an_id_all_the_same() -> None:
    """So that a call can be found in the logs by it."""
    traces = Traces(sampler=ALWAYS_OFF)
    begun = traces.tracer.start(METHOD, [("traceparent", f"00-{TRACE}-{PARENT}-01")])
    begun.end(code_pb2.INTERNAL)
    assert begun.trace_id == TRACE
    assert not traces.spans


async def test_stages_of_a_prediction_follow_each_other(traces: Traces, core: PredictionCore) -> None:
    """Queue, inference and append are children of the call's span, each beginning where the one before ends."""
    caller = traces.caller(traceparent=f"00-{TRACE}-{PARENT}-01")
    await predict(core, PredictRequest(block_group=BLOCK_GROUP), caller)
    stages = traces.stages(caller)
    assert caller.span is not None
    caller.span.end(code_pb2.OK)
    assert [stage.name for stage in stages] == STAGES
    assert {stage.parent.span_id for stage in stages if stage.parent} == {traces.spans[-1].context.span_id}
    assert [stage.start_time for stage in stages[1:]] == [stage.end_time for stage in stages[:-1]]


async def test_calls_that_share_a_run_have_stages_of_their_own(traces: Traces, core: PredictionCore) -> None:
    """Each trace tells the whole of its call, one that is not traced does not disturb."""
    callers = [traces.caller(), traces.caller(), traces.caller()._replace(span=None)]
    await asyncio.gather(*(predict(core, PredictRequest(block_group=BLOCK_GROUP), caller) for caller in callers))
    assert [[stage.name for stage in traces.stages(caller)] for caller in callers] == [STAGES, STAGES, []]


async def test_batch_has_its_stages_once(traces: Traces, core: PredictionCore) -> None:
    """However many rows it has, and on whichever thread it runs."""
    caller = traces.caller("BatchPredict")
    await batch_predict(core, BatchPredictRequest(block_groups=[BLOCK_GROUP] * 100), caller)
    assert [stage.name for stage in traces.stages(caller)] == STAGES


async def test_stream_has_one_span(traces: Traces, core: PredictionCore) -> None:
    """A stream of thousands of messages does not fill its trace with their stages."""

    async def requests() -> Any:
        for _ in range(3):
            yield StreamPredictRequest(block_group=BLOCK_GROUP)

    caller = traces.caller("StreamPredict")
    assert len([answer async for answer in core.stream_predict(requests(), caller)]) == 3
    assert not traces.spans


async def test_prediction_is_on_record_with_the_id_of_the_new_trace(traces: Traces) -> None:
    """Who finds a prediction can find its trace."""
    notes, log = Notes(), ListLog()
    core = PredictionCore(TracedRuns(notes), log, Admission(notes, max_rows=1, max_queue_seconds=1e9))
    core.model = LoadedModel(predictor=IncomeModel())
    caller = traces.caller()
    await predict(core, PredictRequest(block_group=BLOCK_GROUP), caller)
    assert [each.trace_id for each in log.entries[0].callers] == [caller.trace_id]


async def test_observer_is_told_as_before(traces: Traces) -> None:
    """Metrics do not depend on tracing."""
    notes = Notes()
    core = PredictionCore(TracedRuns(notes), ListLog(), Admission(notes, max_rows=1, max_queue_seconds=1e9))
    core.model = LoadedModel(predictor=IncomeModel())
    await predict(core, PredictRequest(block_group=BLOCK_GROUP), traces.caller())
    with pytest.raises(InvalidRequest):
        await predict(core, PredictRequest(), traces.caller())
    assert (notes.rows, len(notes.refusals)) == ([1], 1)


async def test_flush_sends_what_waits() -> None:
    """No span is lost when a worker stops."""
    exporter, provider = InMemorySpanExporter(), TracerProvider()
    provider.add_span_processor(BatchSpanProcessor(exporter, schedule_delay_millis=3_600_000))
    tracer = SpanTracer(provider)
    tracer.start(METHOD, []).end(code_pb2.OK)
    assert not exporter.get_finished_spans()
    await tracer.flush()
    assert len(exporter.get_finished_spans()) == 1


class StuckExporter(SpanExporter):
    """An exporter whose collector does not answer until it is let go."""

    def __init__(self) -> None:
        self.let_go = threading.Event()

    def export(self, spans: Any) -> SpanExportResult:  # noqa: ARG002 - what an exporter is given
        """Wait."""
        self.let_go.wait()
        return SpanExportResult.SUCCESS


async def test_flush_gives_up_on_a_collector_that_does_not_answer() -> None:
    """A worker stops all the same."""
    exporter, provider = StuckExporter(), TracerProvider()
    provider.add_span_processor(BatchSpanProcessor(exporter))
    tracer = SpanTracer(provider)
    tracer.start(METHOD, []).end(code_pb2.OK)
    await tracer.flush(seconds=0.01)
    assert not exporter.let_go.is_set()
    exporter.let_go.set()


@pytest.fixture
def library_logger() -> Iterator[logging.Logger]:
    """The logger of OpenTelemetry's packages, put back as it was."""
    logger = logging.getLogger("opentelemetry")
    yield logger
    logger.handlers.clear()
    logger.propagate = True


async def test_complaints_of_the_library_are_logged_as_events(library_logger: logging.Logger) -> None:
    """From whichever thread, as a line of ours."""
    with structlog.testing.capture_logs() as logs:
        tracer = SpanTracer.exporting("http://127.0.0.1:1", "worker-0", structlog.get_logger())
        await asyncio.to_thread(library_logger.getChild("exporter").warning, "cannot reach %s", "it")
        await tracer.flush()
    assert {"event": "tracing", "problem": "cannot reach it", "log_level": "warning"} in logs
