"""Traces through Envoy and the server, as a collector gets them, and what is left of them without one."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import grpc
import httpx
import pytest
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from housing.rows import message_from_mapping
from housing.v1.prediction_service_pb2 import PredictRequest
from housing.v1.prediction_service_pb2_grpc import PredictionServiceStub
from otlp_collector import Collected, Collector, running_collector
from registries import make_income_registry, shared_registry
from running import Service, running_gateway, running_service, transport_or_skip, wait_for

BlockGroup = dict[str, float | str]

PREDICT = "housing.v1.PredictionService/Predict"
GET_PREDICTION = "housing.v1.PredictionLogService/GetPrediction"
CALLER_SPAN = "cd" * 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Traced:
    """A product that traces, and where its spans go."""

    collector: Collector
    """Gets the spans."""
    service: Service
    """The server."""
    http: httpx.Client
    """JSON over HTTP, through the gateway."""


@pytest.fixture(scope="module")
def state(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A state folder with a small model."""
    return shared_registry(tmp_path_factory, "income", make_income_registry)


@pytest.fixture(scope="module")
def collector() -> Iterator[Collector]:
    """Gets the spans of all processes that are started from now on."""
    with pytest.MonkeyPatch.context() as environment, running_collector() as running:
        environment.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", running.endpoint)
        environment.setenv("OTEL_BSP_SCHEDULE_DELAY", "50")
        yield running


@pytest.fixture(scope="module")
def traced(state: Path, collector: Collector, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Traced]:
    """A server on gRPC's own library, and the gateway that it needs."""
    with (
        running_service(state, transport="grpc") as service,
        running_gateway(service, tmp_path_factory.mktemp("gateway")) as port,
        httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=60) as http,
    ):
        yield Traced(collector=collector, service=service, http=http)


@pytest.fixture(scope="module")
def embedded(state: Path, collector: Collector, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Traced]:
    """A server whose worker runs inside Envoy, without a gateway."""
    transport = transport_or_skip("envoy")
    with (
        running_service(tmp_path_factory.mktemp("embedded"), registry=state, transport=transport) as service,
        httpx.Client(base_url=f"http://127.0.0.1:{service.gateway_port}", timeout=60) as http,
    ):
        yield Traced(collector=collector, service=service, http=http)


def traceparent(trace_id: str, *, kept: bool = True) -> dict[str, str]:
    """What a caller sends that traces, and keeps this trace or does not."""
    return {"traceparent": f"00-{trace_id}-{CALLER_SPAN}-{kept:02d}"}


def on_record(http: httpx.Client, prediction_id: str) -> dict[str, str]:
    """A prediction, as it is in the prediction log."""
    answer = http.get(f"/api/logs/predictions/{prediction_id}").raise_for_status().json()["prediction"]
    return {str(name): str(value) for name, value in answer.items()}


def whole(collector: Collector, trace_id: str, *services: str) -> dict[str, Collected]:
    """Wait until each of these services has sent the span that it answered a call with; return these by service."""

    def look() -> dict[str, Collected] | None:
        servers = [each for each in collector.trace(trace_id) if each.span.kind == Span.SPAN_KIND_SERVER]
        found = {each.service: each for each in servers}
        return found if set(services) <= set(found) else None

    return wait_for(look, f"spans of trace {trace_id} from {services}")


def logged_call(service: Service, request_id: str) -> dict[str, object]:
    """Wait for the line that is logged of a call."""

    def look() -> dict[str, object] | None:
        return next((event for event in service.command.events("rpc") if event["request_id"] == request_id), None)

    return wait_for(look, f"the line of call {request_id}")


def test_trace_of_a_caller_goes_through_gateway_and_server(traced: Traced, berkeley: BlockGroup) -> None:
    """Each continues it where the one before left off, and the answer is on record with its id."""
    trace_id = "1" * 32
    answer = traced.http.post("/api/predict", json=berkeley, headers=traceparent(trace_id)).raise_for_status().json()
    found = whole(traced.collector, trace_id, "housing-gateway", "housing-server")
    gateway, server = found["housing-gateway"].span, found["housing-server"].span
    assert gateway.parent_span_id.hex() == CALLER_SPAN
    assert (gateway.name, server.name) == (f"/{PREDICT}", PREDICT)
    assert server.parent_span_id == gateway.span_id
    assert on_record(traced.http, answer["prediction_id"])["trace_id"] == trace_id


def test_request_without_a_trace_begins_one_at_the_gateway(traced: Traced, berkeley: BlockGroup) -> None:
    """The record of the answer leads to it."""
    answer = traced.http.post("/api/predict", json=berkeley).raise_for_status().json()
    trace_id = on_record(traced.http, answer["prediction_id"])["trace_id"]
    found = whole(traced.collector, trace_id, "housing-gateway", "housing-server")
    assert not found["housing-gateway"].span.parent_span_id


def test_trace_of_a_caller_goes_on_inside_envoy(embedded: Traced, berkeley: BlockGroup) -> None:
    """In the worker, with the stages of the call; a call about the log goes on in the process that answers it."""
    trace_id, looking = "6" * 32, "7" * 32
    answer = embedded.http.post("/api/predict", json=berkeley, headers=traceparent(trace_id)).raise_for_status().json()
    server = whole(embedded.collector, trace_id, "housing-server")["housing-server"].span
    assert (server.name, server.parent_span_id.hex()) == (PREDICT, CALLER_SPAN)
    assert {"queue", "inference", "append"} <= {each.span.name for each in embedded.collector.trace(trace_id)}
    assert on_record(embedded.http, answer["prediction_id"])["trace_id"] == trace_id
    path = f"/api/logs/predictions/{answer['prediction_id']}"
    embedded.http.get(path, headers=traceparent(looking)).raise_for_status()
    found = whole(embedded.collector, looking, "housing-server")["housing-server"].span
    assert (found.name, found.parent_span_id.hex()) == (GET_PREDICTION, CALLER_SPAN)


@pytest.mark.parametrize("transport", ["traced", "embedded"])
def test_call_without_a_trace_begins_one_at_the_server(
    request: pytest.FixtureRequest, transport: str, berkeley: BlockGroup
) -> None:
    """With queue, inference and append in it; its id is on record, and in the line that is logged of the call."""
    traced: Traced = request.getfixturevalue(transport)
    with grpc.insecure_channel(traced.service.target) as channel:
        wanted = PredictRequest(block_group=message_from_mapping(berkeley))
        answer = PredictionServiceStub(channel).Predict(wanted, metadata=(("x-request-id", "traced"),))
    trace_id = on_record(traced.http, answer.prediction_id)["trace_id"]
    server = whole(traced.collector, trace_id, "housing-server")["housing-server"].span
    stages = [each.span for each in traced.collector.trace(trace_id) if each.span.parent_span_id == server.span_id]
    assert not server.parent_span_id
    assert [stage.name for stage in stages] == ["queue", "inference", "append"]
    assert logged_call(traced.service, "traced")["trace_id"] == trace_id


def test_trace_that_its_caller_does_not_keep_is_not_kept(traced: Traced, berkeley: BlockGroup) -> None:
    """Its id is on record all the same, and the trace after it arrives alone."""
    trace_id, later = "2" * 32, "3" * 32
    headers = traceparent(trace_id, kept=False)
    answer = traced.http.post("/api/predict", json=berkeley, headers=headers).raise_for_status().json()
    traced.http.post("/api/predict", json=berkeley, headers=traceparent(later)).raise_for_status()
    whole(traced.collector, later, "housing-gateway", "housing-server")
    assert on_record(traced.http, answer["prediction_id"])["trace_id"] == trace_id
    assert not traced.collector.trace(trace_id)


def test_last_spans_are_sent_before_the_server_stops(
    state: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, berkeley: BlockGroup
) -> None:
    """A trace does not wait for a batch that is never full."""
    with running_collector() as collector:
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", collector.endpoint)
        monkeypatch.setenv("OTEL_BSP_SCHEDULE_DELAY", "3600000")
        with running_service(tmp_path, registry=state) as service, grpc.insecure_channel(service.target) as channel:
            request = PredictRequest(block_group=message_from_mapping(berkeley))
            PredictionServiceStub(channel).Predict(request, metadata=tuple(traceparent("4" * 32).items()))
            assert not collector.trace("4" * 32)
        assert PREDICT in {each.span.name for each in collector.trace("4" * 32)}


def test_without_tracing_the_trace_of_a_caller_is_still_on_record(http: httpx.Client, berkeley: BlockGroup) -> None:
    """The gateway passes `traceparent` on untouched, and the server reads the id from it."""
    answer = http.post("/api/predict", json=berkeley, headers=traceparent("5" * 32)).raise_for_status().json()
    listed = http.get("/api/logs/predictions", params={"page_size": 1}).raise_for_status().json()["predictions"]
    assert [(each["prediction_id"], each["trace_id"]) for each in listed] == [(answer["prediction_id"], "5" * 32)]
