"""Workers inside Envoy: one process that serves gRPC and JSON, and sends to other processes what they answer."""

import json
import os
import signal
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import grpc
import httpx
import psutil
import pytest
from google.rpc.code_pb2 import INVALID_ARGUMENT, PERMISSION_DENIED
from google.rpc.error_details_pb2 import ErrorInfo
from grpc_health.v1.health_pb2 import HealthCheckRequest, HealthCheckResponse
from grpc_health.v1.health_pb2_grpc import HealthStub
from grpc_status.rpc_status import from_call
from hypothesis import HealthCheck, given, settings

from housing.example import BERKELEY
from housing.v1.block_group_pb2 import BlockGroup
from housing.v1.prediction_log_service_pb2 import ListPredictionsRequest
from housing.v1.prediction_log_service_pb2_grpc import PredictionLogServiceStub
from housing.v1.prediction_service_pb2 import (
    PredictRequest,
    PredictResponse,
    StreamPredictRequest,
    StreamPredictResponse,
)
from housing.v1.prediction_service_pb2_grpc import PredictionServiceStub
from http2 import GOAWAY, HEADERS, Http2Connection
from running import Service, running_service, transport_or_skip, wait_for
from strict_json import damaged_bodies

PREDICT = "/housing.v1.PredictionService/Predict"
LOG = "housing.v1.PredictionLogService"
FUZZING = settings(
    max_examples=int(os.environ.get("FUZZ_EXAMPLES", "300")),
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


@pytest.fixture(scope="module")
def service(state_dir: Path) -> Iterator[Service]:
    """A service with one worker inside Envoy, and no gateway."""
    with running_service(state_dir, transport=transport_or_skip("envoy")) as running:
        running.command.wait_for("serving")
        yield running


@pytest.fixture
def http(service: Service) -> Iterator[httpx.Client]:
    """JSON over HTTP, from the worker itself."""
    with httpx.Client(base_url=f"http://127.0.0.1:{service.gateway_port}", timeout=60) as client:
        yield client


@pytest.fixture(params=["grpc_port", "gateway_port"])
def either(request: pytest.FixtureRequest, service: Service) -> Iterator[grpc.Channel]:
    """A connection to each of the two ports."""
    with grpc.insecure_channel(f"127.0.0.1:{getattr(service, request.param)}") as channel:
        yield channel


def test_pages_of_other_hosts_reach_neither_port(service: Service, block_group: BlockGroup) -> None:
    """A browser sends HTTP/1.1 to the port of gRPC as well: only the name that it addresses gives a page away."""
    content = PredictRequest(block_group=block_group).SerializeToString()
    body = struct.pack(">BI", 0, len(content)) + content

    def ask(port: int, host: str) -> httpx.Response:
        headers = {"host": host, "content-type": "application/grpc"}
        return httpx.post(f"http://127.0.0.1:{port}{PREDICT}", content=body, headers=headers, timeout=60)

    for port, code in ((service.grpc_port, PERMISSION_DENIED), (service.gateway_port, INVALID_ARGUMENT)):
        refused = ask(port, "rebound.example")
        assert (refused.headers["grpc-status"], refused.content) == (str(code), b"")
    for port in (service.grpc_port, service.gateway_port):
        answer = ask(port, "localhost:80")
        assert answer.status_code == 200
        assert answer.content


def test_json_is_answered_as_a_gateway_answers_it(http: httpx.Client) -> None:
    """Bodies are read strictly, errors worded, and paths of fields are those of the body."""
    assert http.post("/api/predict", json=dict(BERKELEY)).json()["median_house_value"] == pytest.approx(383_008)
    refused = http.post("/api/predict", json=dict(BERKELEY) | {"longitude": "-122"})
    assert (refused.status_code, refused.json()["details"][0]["field_violations"][0]["reason"]) == (400, "json.type")
    outside = http.post("/api/predict", json=dict(BERKELEY) | {"median_income": -1}).json()
    assert outside["details"][0]["field_violations"][0]["field"] == "median_income"
    assert http.get("/nowhere").json()["details"][0]["reason"] == "NO_SUCH_ROUTE"
    assert http.get("/health").json()["model_loaded"] is True


def predict(http: httpx.Client, body: bytes, **headers: str) -> tuple[int, dict[str, str], dict[str, object]]:
    """What is answered to a body, but for what differs from call to call."""
    found = http.post("/api/predict", content=body, headers={"content-type": "application/json", **headers})
    content = {name: value for name, value in found.json().items() if name not in {"prediction_id", "predicted_at"}}
    kept = {name: value for name, value in found.headers.items() if name not in {"date", "content-length"}}
    return found.status_code, kept, content


@pytest.mark.parametrize(("change", "status"), [({}, 200), ({"median_income": -1}, 400), ({"longitude": "-122"}, 400)])
def test_usual_and_unusual_requests_are_answered_alike(
    http: httpx.Client, change: dict[str, object], status: int
) -> None:
    """A page of another origin makes a request unusual: it passes all scripts of a gateway, which others are spared."""
    body = json.dumps(dict(BERKELEY) | change).encode()
    usual = predict(http, body, **{"x-request-id": "mine"})
    assert usual == predict(http, body, **{"x-request-id": "mine", "origin": "https://shop.example"})
    assert usual[0] == status
    assert usual[1].items() <= {
        ("content-type", "application/json"),
        ("vary", "Origin"),
        ("cache-control", "no-store"),
        ("server", "housing-server"),
        ("x-request-id", "mine"),
        ("connection", "close"),  # after a refusal
    }


def test_query_is_refused_beside_a_body(http: httpx.Client) -> None:
    """The transcoder would merge the two."""
    refused = http.post("/api/predict?latitude=37", json=dict(BERKELEY))
    assert (refused.status_code, refused.json()["details"][0]["field_violations"][0]["reason"]) == (
        400,
        "query.not_empty",
    )


@given(body=damaged_bodies("/api/predict"))
@FUZZING
def test_damaged_bodies_are_answered_alike(body: bytes, http: httpx.Client) -> None:
    """Whatever is wrong with it, in the same words."""
    mine = {"x-request-id": "mine"}
    assert predict(http, body, **mine) == predict(http, body, **mine, origin="https://shop.example")


def test_pages_and_metrics_of_every_envoy_are_on_the_same_port(http: httpx.Client) -> None:
    """As behind a gateway."""
    assert "<title>" in http.get("/").text
    assert "housing_model_info" in http.get("/metrics").text
    assert 'envoy_http_downstream_rq_total{process="worker-0"' in http.get("/gateway/metrics").text


def test_grpc_web_is_answered(http: httpx.Client, block_group: BlockGroup) -> None:
    """The answer ends in a frame of trailers."""
    message = PredictRequest(block_group=block_group).SerializeToString()
    content = struct.pack(">BI", 0, len(message)) + message
    answer = http.post(PREDICT, content=content, headers={"content-type": "application/grpc-web+proto"}).content
    size = struct.unpack(">BI", answer[:5])[1]
    assert PredictResponse.FromString(answer[5 : 5 + size]).median_house_value == pytest.approx(383_008)
    assert b"grpc-status:0" in answer[5 + size :]


def test_request_id_of_the_caller_is_kept_on_either_port(either: grpc.Channel, block_group: BlockGroup) -> None:
    """Envoy makes ids of its own, which must not take its place."""
    request, metadata = PredictRequest(block_group=block_group), (("x-request-id", "mine"),)
    _, call = PredictionServiceStub(either).Predict.with_call(request, metadata=metadata)
    assert dict(call.initial_metadata())["x-request-id"] == "mine"
    assert dict(call.trailing_metadata())["x-request-id"] == "mine"


def test_worker_sees_no_call_that_another_process_answers(
    service: Service, either: grpc.Channel, http: httpx.Client
) -> None:
    """The recorder answers, logs and counts it, whichever way it came."""
    PredictionLogServiceStub(either).ListPredictions(
        ListPredictionsRequest(), metadata=(("x-request-id", "straight"),), wait_for_ready=True
    )
    assert http.get("/api/logs/predictions").status_code == 200

    def logged() -> list[object] | None:
        events = [event for event in service.command.events("rpc") if event["service"] == LOG]
        return [event["process"] for event in events] if len(events) > 1 else None

    assert set(wait_for(logged, "the lines of both calls")) == {"recorder"}
    assert f'grpc_method="ListPredictions",grpc_service="{LOG}"' in http.get("/metrics").text


def serves_log(channel: grpc.Channel) -> bool:
    """Whether the prediction log's service is healthy, as the worker reports."""
    answer = HealthStub(channel).Check(HealthCheckRequest(service=LOG))  # type: ignore[attr-defined]  # untyped stub
    return bool(answer.status == HealthCheckResponse.SERVING)


@contextmanager
def without_recorder(service: Service) -> Iterator[None]:
    """Kill the recorder while nobody can start another; afterwards wait for the next."""
    supervisor = psutil.Process(service.command.pid)
    (recorder,) = (each for each in supervisor.children() if "housing_server.processes.recorder" in each.cmdline())
    serving = len(service.command.events("recorder serving"))
    supervisor.send_signal(signal.SIGSTOP)
    try:
        recorder.kill()
        yield
    finally:
        supervisor.send_signal(signal.SIGCONT)
        service.command.wait_for("recorder serving", serving + 1)


def test_missing_process_is_unavailable_in_the_words_of_a_relay(
    service: Service, either: grpc.Channel, http: httpx.Client
) -> None:
    """Over gRPC on both ports and over JSON; the health of its services is down until it is back."""
    wait_for(lambda: serves_log(either) or None, "health")
    with without_recorder(service):
        with pytest.raises(grpc.RpcError) as raised:
            PredictionLogServiceStub(either).ListPredictions(ListPredictionsRequest())
        status, info = from_call(raised.value), ErrorInfo()  # type: ignore[arg-type]  # a call as well as an error
        assert status is not None
        assert status.details[0].Unpack(info)
        assert (raised.value.code().name, info.reason) == ("UNAVAILABLE", "SERVICE_UNAVAILABLE")
        answer = http.get("/api/logs/predictions")
        assert (answer.status_code, answer.json()["details"][0]["reason"]) == (503, "SERVICE_UNAVAILABLE")
        wait_for(lambda: not serves_log(either) or None, "its health to be down")
    wait_for(lambda: serves_log(either) or None, "its health to be up again")


async def price(stream: grpc.aio.StreamStreamCall[StreamPredictRequest, StreamPredictResponse]) -> float:
    """Read the next answer of a stream."""
    answer = await stream.read()
    assert isinstance(answer, StreamPredictResponse)
    return answer.prediction.median_house_value


async def test_sigterm_sends_connections_away_and_lets_calls_finish(
    state_dir: Path, tmp_path: Path, block_group: BlockGroup
) -> None:
    """A stream goes on until its caller ends it; another connection gets GOAWAY with its next answer."""
    transport, predict = transport_or_skip("envoy"), PredictRequest(block_group=block_group).SerializeToString()
    with running_service(tmp_path, state_dir, transport=transport, drain_seconds=1) as service:
        service.command.wait_for("serving")
        async with (
            grpc.aio.insecure_channel(service.target) as channel,
            Http2Connection.open(service.grpc_port) as connection,
        ):
            stream = PredictionServiceStub(channel).StreamPredict()
            await stream.write(StreamPredictRequest(block_group=block_group))
            assert await price(stream) == pytest.approx(383_008)
            service.command.send(signal.SIGTERM)
            service.command.wait_for("draining")
            kind = HEADERS
            while kind != GOAWAY:  # the worker hears of it a moment after its supervisor
                connection.send(connection.start(PREDICT), predict, end=True)
                kind, _, _ = await connection.frame(HEADERS, GOAWAY)
            await stream.write(StreamPredictRequest(block_group=block_group))
            await stream.done_writing()
            assert await price(stream) == pytest.approx(383_008)
            assert await stream.code() is grpc.StatusCode.OK
        assert service.command.exit_code() == 0
