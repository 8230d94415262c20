"""The gateway before a server that answers everything: headers, methods, bodies, limits, streams and the log."""

import gzip
import json
import re
import socket
import struct
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import grpc
import httpx
import psutil
import pytest

from housing.example import BERKELEY
from housing.v1.prediction_service_pb2 import (
    PredictRequest,
    PredictResponse,
    StreamPredictRequest,
    StreamPredictResponse,
)
from housing.v1.prediction_service_pb2_grpc import PredictionServiceStub
from housing.v1.status_service_pb2 import SERVICE_STATUS_NOT_SERVING, SERVICE_STATUS_SERVING
from housing_server.limits import MAX_BODY_BYTES, MAX_HEADER_BYTES
from metric_names import FROM_ENVOY
from running import PATIENCE, Gateway, gateway_command, wait_for
from upstreams import ASLEEP, PRICE, UpstreamServer, running_upstream

ROW = dict(BERKELEY)
PREDICT = "/housing.v1.PredictionService/Predict"
MALFORMED = {
    "grpc-timeout": b"abc",
    "grpc-encoding": b"nope",
    "grpc-accept-encoding": b"\xe9",
    "grpc-previous-rpc-attempts": b"many",
    "grpc-retry-pushback-ms": b"soon",
    "grpc-status": b"nope",
    "grpc-message": b"%",
    "grpc-trace-bin": b"***",
    "grpc-tags-bin": b"***",
    "endpoint-load-metrics-bin": b"***",
    "lb-cost-bin": b"***",
    "lb-token": b"\xff",
    "foo-bin": b"***",
    "te": b"nope",
    "x-request-id": b"\xe9",
    "user-agent": b"\xe9",
    "cookie": b"a=\xe9",
    "traceparent": b"\xe9",
    "x-envoy-max-retries": b"many",
    "x-envoy-original-path": b"/elsewhere",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Front:
    """A gateway, what is behind it, and a client."""

    upstream: UpstreamServer
    """What is behind it."""
    gateway: Gateway
    """The gateway."""
    http: httpx.Client
    """JSON over HTTP."""

    def get(self, target: str) -> tuple[int, str]:
        """Ask for a path and a query that no client would send as they are; return status and body."""
        connection = HTTPConnection("127.0.0.1", self.gateway.port, timeout=60)
        with closing(connection):
            connection.request("GET", target)
            answer = connection.getresponse()
            return answer.status, answer.read().decode()

    def logged(self, request_id: str) -> dict[str, Any]:
        """Wait for the line that Envoy logs about a request."""

        def look() -> dict[str, Any] | None:
            lines = self.gateway.command.events("request")
            return next((line for line in lines if line["request_id"] == request_id), None)

        return wait_for(look, f"the line about {request_id}")


@pytest.fixture(scope="module")
def front(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Front]:
    """One gateway for all tests."""
    with (
        running_upstream() as upstream,
        gateway_command(upstream, tmp_path_factory.mktemp("gateway"), gateway_threads=1) as gateway,
        httpx.Client(base_url=f"http://127.0.0.1:{gateway.port}", timeout=60) as http,
    ):
        wait_for(lambda: True if http.get("/health").status_code == 200 else None, "a healthy upstream")
        yield Front(upstream=upstream, gateway=gateway, http=http)


@pytest.fixture(scope="module")
def stub(front: Front) -> Iterator[PredictionServiceStub]:
    """GRPC through the gateway."""
    with grpc.insecure_channel(f"127.0.0.1:{front.gateway.port}") as channel:
        yield PredictionServiceStub(channel)


def reason(answer: httpx.Response) -> tuple[int, str]:
    """HTTP status and reason of a refusal, which must be a Status."""
    assert answer.headers["content-type"] == "application/json", answer.text
    return answer.status_code, answer.json()["details"][-1]["reason"]


def frame(message: PredictRequest) -> bytes:
    """A message as gRPC sends it."""
    data = message.SerializeToString()
    return struct.pack(">BI", 0, len(data)) + data


@pytest.mark.parametrize("name", MALFORMED)
def test_malformed_header_harms_no_json_call(name: str, front: Front) -> None:
    """A JSON request with a header that only gRPC knows, or nobody can read, is answered, and so are later ones."""
    header = {name.encode(): MALFORMED[name]}
    answers = [front.http.post("/api/predict", json=ROW, headers=header) for _ in range(3)]
    answers += [front.http.post("/api/predict", json=ROW) for _ in range(3)]
    assert [answer.status_code for answer in answers] == [200] * 6, answers[0].text


@pytest.mark.parametrize("protocol", ["application/grpc", "application/grpc-web+proto"])
@pytest.mark.parametrize("name", MALFORMED)
def test_malformed_header_harms_nobody_elses_call(name: str, protocol: str, front: Front) -> None:
    """A gRPC or gRPC-Web call with such a header is refused in words or answered, and later calls are answered."""
    headers = {b"content-type": protocol.encode(), b"te": b"trailers", name.encode(): MALFORMED[name]}
    for _ in range(3):
        answer = front.http.post(PREDICT, content=frame(PredictRequest()), headers=headers)
        assert answer.status_code == 200
        assert answer.headers.get("grpc-status", "0") in {"0", "3", "12"}
    later = [front.http.post("/api/predict", json=ROW).status_code for _ in range(6)]
    assert later == [200] * 6


def test_headers_that_pass_reach_the_server_well_formed(front: Front) -> None:
    """What the server gets of a JSON request is text in gRPC's alphabet, and nothing of gRPC's own from the caller."""
    headers = {b"grpc-trace-bin": b"AAAA", b"x-note": b"kept", b"x-\xc3": b"y"} | {b"x_underscore": b"dropped"}
    del headers[b"x-\xc3"]
    front.http.post("/api/predict", json=ROW, headers=headers).raise_for_status()
    assert front.upstream.metadata["x-note"] == "kept"
    assert {"grpc-trace-bin", "x_underscore"} & set(front.upstream.metadata) == set()


@pytest.mark.parametrize(
    ("header", "code"),
    [
        (("grpc-timeout", "abc"), "3"),
        (("foo-bin", "***"), "3"),
        (("grpc-encoding", "nope"), "12"),
    ],
    ids=lambda value: value[0] if isinstance(value, tuple) else value,
)
def test_grpc_caller_learns_which_header_is_malformed(header: tuple[str, str], code: str, front: Front) -> None:
    """A header that changes the meaning of a gRPC call is not dropped in silence."""
    headers = dict([("content-type", "application/grpc"), header])
    answer = front.http.post(PREDICT, content=frame(PredictRequest()), headers=headers)
    assert (answer.status_code, answer.headers["grpc-status"]) == (200, code)
    assert answer.headers["content-type"] == "application/grpc"


def test_well_formed_deadline_of_a_json_call_is_kept(front: Front) -> None:
    """`grpc-timeout` means to JSON callers what it means to others: 504 when it has passed."""
    answer = front.http.post("/api/predict", json=ROW | {"longitude": ASLEEP}, headers={"grpc-timeout": "50m"})
    front.upstream.wake.set()
    front.upstream.wake.clear()
    assert reason(answer) == (504, "DEADLINE_EXCEEDED")


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE"])
def test_grpc_content_type_with_another_method_is_refused_at_once(method: str, front: Front) -> None:
    """GRPC is POST alone."""
    answer = front.http.request(method, PREDICT, headers={"content-type": "application/grpc"})
    assert reason(answer) == (405, "METHOD_NOT_ALLOWED")
    assert answer.headers["allow"] == "POST"


@pytest.mark.parametrize("name", ["x_request_id", "remote_user", "_"])
def test_header_names_with_an_underscore_break_nothing(name: str, front: Front, stub: PredictionServiceStub) -> None:
    """Such headers, which proxies and single sign-on add, are dropped, for JSON and gRPC alike."""
    assert front.http.get("/api/model", headers={name: "x"}).status_code == 200
    assert stub.Predict(PredictRequest(), metadata=((name, "x"),)).median_house_value == PRICE


def test_headers_below_the_limit_pass_and_above_it_are_431(front: Front, stub: PredictionServiceStub) -> None:
    """A header limit that is always the same, in words, for JSON and gRPC."""
    for _ in range(20):
        assert front.http.get("/api/model", headers={"cookie": "c" * (MAX_HEADER_BYTES - 1200)}).status_code == 200
        stub.Predict(PredictRequest(), metadata=(("note", "n" * (MAX_HEADER_BYTES - 1200)),))
        answer = front.http.get("/api/model", headers={"cookie": "c" * MAX_HEADER_BYTES})
        assert reason(answer) == (431, "HEADERS_TOO_LARGE")
    with pytest.raises(grpc.RpcError) as error:
        stub.Predict(PredictRequest(), metadata=(("note", "n" * MAX_HEADER_BYTES),))
    assert error.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
    assert "headers" in (error.value.details() or "")


@pytest.mark.parametrize("size", [100_000, 1_000_000])
def test_enormous_headers_are_431_too(size: int, front: Front) -> None:
    """What Envoy itself refuses to read is refused in the same form."""
    assert reason(front.http.get("/api/model", headers={"cookie": "c" * size})) == (431, "HEADERS_TOO_LARGE")


def test_request_id_is_returned(front: Front, stub: PredictionServiceStub) -> None:
    """A caller's id comes back and reaches the server; without one, or with a malformed one, the gateway makes one."""
    for sent in ("order-66", "a" * 128):
        answer = front.http.post("/api/predict", json=ROW, headers={"x-request-id": sent})
        assert answer.headers["x-request-id"] == front.upstream.metadata["x-request-id"] == sent
    made = set()
    for bad in (None, b"\xe9", b"a" * 129, b"two words", b"a,b"):
        answer = front.http.post("/api/predict", json=ROW, headers={} if bad is None else {b"x-request-id": bad})
        made.add(answer.headers["x-request-id"])
        assert front.upstream.metadata["x-request-id"] == answer.headers["x-request-id"]
    assert {len(each) for each in made} == {36}
    assert len(made) == 5
    _, call = stub.Predict.with_call(PredictRequest(), metadata=(("x-request-id", "order-67"),))
    assert ("x-request-id", "order-67") in [tuple(entry) for entry in call.initial_metadata() or ()]
    assert reason(front.http.get("/nothing")) == (404, "NO_SUCH_ROUTE")
    assert "x-request-id" in front.http.get("/nothing").headers


@pytest.mark.parametrize("path", ["/", "/metrics", "/health", "/api/model", "/gateway/metrics"])
def test_head_answers_as_get_without_a_body(path: str, front: Front) -> None:
    """HEAD is known where GET is."""
    got = front.http.get(path, headers={"accept-encoding": "identity"})
    head = front.http.head(path, headers={"accept-encoding": "identity"})
    assert (head.status_code, head.content) == (200, b"")
    assert head.headers["content-type"] == got.headers["content-type"]
    if path != "/gateway/metrics":  # whose length is never the same
        assert head.headers["content-length"] == str(len(got.content))


def test_head_for_a_compressed_answer_leaves_nothing_on_the_connection(front: Front) -> None:
    """What is asked next on the same connection is answered."""
    with closing(HTTPConnection("127.0.0.1", front.gateway.port, timeout=60)) as connection:
        connection.request("HEAD", "/api/model", headers={"accept-encoding": "gzip"})
        assert connection.getresponse().read() == b""
        connection.request("GET", "/health")
        assert connection.getresponse().status == 200


@pytest.mark.parametrize(
    ("path", "allow"),
    [
        ("/api/model", "GET, HEAD, OPTIONS"),
        ("/api/predict", "POST, OPTIONS"),
        ("/", "GET, HEAD, OPTIONS"),
        ("/api/logs/predictions/some-id", "GET, HEAD, OPTIONS"),
        (PREDICT, "POST, OPTIONS"),
    ],
)
def test_methods_of_a_path_are_named(path: str, allow: str, front: Front) -> None:
    """OPTIONS without an origin names the methods, and so does the refusal of any other method."""
    options = front.http.options(path)
    assert (options.status_code, options.headers["allow"]) == (204, allow)
    for method in ("PUT", "DELETE", "PATCH", "GET" if "POST" in allow else "POST"):
        answer = front.http.request(method, path)
        assert reason(answer) == (405, "METHOD_NOT_ALLOWED")
        assert answer.headers["allow"] == allow


@pytest.mark.parametrize(
    "kind",
    [
        "text/plain",
        "application/x-www-form-urlencoded",
        "application/json; charset=latin-1",
        "application/jsonx",
        "json",
    ],
)
def test_other_content_types_are_415(kind: str, front: Front) -> None:
    """A body that is not said to be JSON is not read as JSON."""
    answer = front.http.post("/api/predict", content=json.dumps(ROW), headers={"content-type": kind})
    assert reason(answer) == (415, "UNSUPPORTED_MEDIA_TYPE")


@pytest.mark.parametrize(
    "kind",
    [
        None,
        "application/json",
        "Application/JSON; charset=UTF-8",
        "application/json;charset=utf-8",
        "application/a+json",
    ],
)
def test_json_content_types_are_read(kind: str | None, front: Front) -> None:
    """JSON is JSON however it is spelt, or when nothing is said."""
    headers = {} if kind is None else {"content-type": kind}
    assert front.http.post("/api/predict", content=json.dumps(ROW), headers=headers).status_code == 200


def test_compressed_bodies_are_read_up_to_the_limit(front: Front) -> None:
    """A gzip body is inflated, whose true size counts; other encodings are 415."""
    url, headers = "/api/predict/batch", {"content-encoding": "gzip", "content-type": "application/json"}
    batch = json.dumps({"block_groups": [ROW] * 10_000}).encode()
    answer = front.http.post(url, content=gzip.compress(batch), headers=headers)
    assert len(answer.raise_for_status().json()["predictions"]) == 10_000
    bomb = gzip.compress(b" " * (MAX_BODY_BYTES * 4))
    assert len(bomb) < MAX_BODY_BYTES / 100
    assert reason(front.http.post(url, content=bomb, headers=headers)) == (413, "BODY_TOO_LARGE")
    other = front.http.post(url, content=batch, headers=headers | {"content-encoding": "br"})
    assert reason(other) == (415, "UNSUPPORTED_MEDIA_TYPE")
    assert other.headers["accept-encoding"] == "gzip"


def test_json_answers_are_compressed_for_who_accepts_it(front: Front) -> None:
    """Large JSON answers are compressed on demand."""
    batch = {"block_groups": [ROW] * 1000}
    packed = front.http.post("/api/predict/batch", json=batch, headers={"accept-encoding": "gzip"})
    plain = front.http.post("/api/predict/batch", json=batch, headers={"accept-encoding": "identity"})
    assert packed.headers["content-encoding"] == "gzip"
    assert "content-encoding" not in plain.headers
    assert packed.json() == plain.json()
    assert "accept-encoding" in packed.headers["vary"].lower()


def test_http_1_0_is_answered(front: Front) -> None:
    """Old clients and health checkers speak HTTP/1.0."""
    with socket.create_connection(("127.0.0.1", front.gateway.port), timeout=60) as connection:
        connection.sendall(b"GET /api/model HTTP/1.0\r\n\r\n")
        answer = b"".join(iter(lambda: connection.recv(65536), b""))
    assert b" 200 OK\r\n" in answer
    assert b'"name":"fake"' in answer.replace(b" ", b"")


def test_models_description_has_an_etag_and_the_rest_is_not_kept(front: Front) -> None:
    """The description may be asked for again at the price of a 304; answers that change are not to be kept."""
    first = front.http.get("/api/model")
    assert first.headers["cache-control"] == "no-cache"
    tag = first.headers["etag"]
    again = front.http.get("/api/model", headers={"if-none-match": f'"other", {tag}'})
    assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", tag)
    assert front.http.get("/api/model", headers={"if-none-match": '"other"'}).status_code == 200
    assert front.http.get("/health").headers["cache-control"] == "no-store"
    assert front.http.post("/api/predict", json=ROW).headers["cache-control"] == "no-store"


@pytest.mark.parametrize(
    ("method", "path"), [("GET", "/api/model"), ("GET", "/nothing"), ("POST", "/api/predict"), ("GET", "/")]
)
def test_answers_name_nothing_of_grpc_or_envoy(method: str, path: str, front: Front) -> None:
    """JSON answers have headers of HTTP alone, and say that they depend on the origin."""
    answer = front.http.request(method, path, json=ROW if method == "POST" else None)
    assert [name for name in answer.headers if name.startswith(("grpc-", "x-envoy-"))] == []
    assert "origin" in answer.headers["vary"].lower()


@pytest.mark.parametrize("query", ["%ff", "%00", "%", "%zz", "%c0%80", "%ed%a0%80", "%f5%80%80%80", "a%e9b"])
def test_query_that_is_no_text_is_refused_in_words(query: str, front: Front) -> None:
    """Bytes that are no UTF-8, NUL and broken escapes never reach the server."""
    for path in (f"/api/logs/predictions?model_version={query}", f"/api/logs/predictions/{query}"):
        status, body = front.get(path)
        assert status == 400
        assert json.loads(body)["details"][0]["reason"] == "INVALID_REQUEST"


def test_unknown_query_parameter_is_named(front: Front) -> None:
    """The name of a parameter that does not exist is repeated, if it is no more than a name."""
    answer = front.http.get("/api/model", params={"colour": "red"})
    assert reason(answer) == (400, "INVALID_REQUEST")
    assert answer.json()["message"] == "the query parameter colour is not known"
    assert "<" not in front.http.get("/api/model", params={"<script>": "1"}).text


@pytest.mark.parametrize(
    ("body", "path"),
    [
        ({"longitude": "east"}, "longitude"),
        ({"longitude": {"degrees": 1}}, "longitude"),
    ],
)
def test_paths_of_fields_are_those_of_the_body(body: dict[str, object], path: str, front: Front) -> None:
    """The body of /api/predict is the block group: the paths begin below it."""
    answer = front.http.post("/api/predict", json=ROW | body)
    assert answer.json()["details"][0]["field_violations"][0]["field"] == path
    assert answer.json()["message"].startswith(f"{path}: ")


def test_health_is_503_when_the_service_does_not_serve(front: Front) -> None:
    """A probe that looks at nothing but the status sees what the body says."""
    front.upstream.status = SERVICE_STATUS_NOT_SERVING
    answer = front.http.get("/health")
    front.upstream.status = SERVICE_STATUS_SERVING
    assert (answer.status_code, answer.json()["status"]) == (503, "SERVICE_STATUS_NOT_SERVING")
    assert front.http.get("/health").status_code == 200


@pytest.mark.parametrize(
    ("content", "status", "code"),
    [("{", 400, "INVALID_ARGUMENT"), ("[]", 400, "INVALID_ARGUMENT"), (json.dumps(ROW), 200, "OK")],
)
def test_access_log_names_the_code_of_the_answer(content: str, status: int, code: str, front: Front) -> None:
    """A caller's mistake in JSON is not logged as INTERNAL."""
    request_id = f"logged-{status}-{len(content)}"
    front.http.post("/api/predict", content=content, headers={"x-request-id": request_id})
    line = front.logged(request_id)
    assert (line["status"], line["grpc_status"]) == (status, code)


def test_access_log_names_the_code_of_a_grpc_call(front: Front, stub: PredictionServiceStub) -> None:
    """GRPC's own codes are logged as they are."""
    stub.Predict(PredictRequest(), metadata=(("x-request-id", "logged-grpc"),))
    assert front.logged("logged-grpc")["grpc_status"] == "OK"


def test_deadline_of_a_stream_ends_it_as_such(stub: PredictionServiceStub) -> None:
    """A stream that has begun to be answered ends with DEADLINE_EXCEEDED, not with a reset."""
    waiting = threading.Event()

    def requests() -> Iterator[StreamPredictRequest]:
        yield StreamPredictRequest()
        waiting.wait()

    for seconds in (1, 4, 16, 64):  # a busy machine may take all of a short deadline for the first answer
        answered: list[StreamPredictResponse] = []
        with pytest.raises(grpc.RpcError) as error:
            answered.extend(stub.StreamPredict(requests(), timeout=seconds))
        assert error.value.code() is grpc.StatusCode.DEADLINE_EXCEEDED
        if answered:
            break
    waiting.set()
    assert len(answered) == 1


def test_admin_interface_is_a_socket_for_its_user_alone(front: Front) -> None:
    """Envoy listens on one TCP port; of its admin interface only the metrics can be reached there."""
    envoy = psutil.Process(front.gateway.command.pid).children()[0]
    listening = {each.laddr.port for each in envoy.net_connections("tcp") if each.status == psutil.CONN_LISTEN}
    assert listening == {front.gateway.port}
    metrics = front.http.get("/gateway/metrics", params={"help": "", "filter": "nothing"}).raise_for_status().text
    assert set(re.findall(r"^\w+", metrics, re.MULTILINE)) == FROM_ENVOY
    assert front.http.get("/gateway/metrics/../quitquitquit").status_code == 404


def test_predictions_answer_what_the_server_answers(front: Front) -> None:
    """After everything above, one answer arrives whole by JSON, gRPC-Web and gRPC."""
    assert front.http.post("/api/predict", json=ROW).json()["median_house_value"] == PRICE
    headers = {"content-type": "application/grpc-web+proto"}
    content = front.http.post(PREDICT, content=frame(PredictRequest()), headers=headers).content
    length = struct.unpack(">BI", content[:5])[1]
    assert PredictResponse.FromString(content[5 : 5 + length]).median_house_value == PRICE


def test_large_bodies_beyond_the_memory_are_refused(tmp_path: Path) -> None:
    """More batches at once than fit are refused in words; the others are answered, and later ones accepted again."""
    batch = json.dumps({"block_groups": [ROW | {"longitude": ASLEEP}] * 10_000}).encode()
    count = 30
    with (
        running_upstream() as upstream,
        gateway_command(upstream, tmp_path, gateway_threads=1, gateway_heap_mb=128) as gateway,
        httpx.Client(base_url=f"http://127.0.0.1:{gateway.port}", timeout=PATIENCE) as http,
        ThreadPoolExecutor(count) as pool,
    ):
        wait_for(lambda: True if http.get("/health").status_code == 200 else None, "a healthy upstream")
        headers = {"content-type": "application/json"}
        calls = [pool.submit(http.post, "/api/predict/batch", content=batch, headers=headers) for _ in range(count)]
        refused = wait_for(lambda: [call for call in calls if call.done()] or None, "a refusal")
        wait_for(lambda: True if sum(call.done() for call in calls) >= count - 16 else None, "refusals")
        upstream.wake.set()
        answers = [call.result() for call in calls]
        assert {reason(call.result()) for call in refused} == {(503, "GATEWAY_OVERLOADED")}
        assert refused[0].result().headers["retry-after"] == "1"
        assert {answer.status_code for answer in answers} == {200, 503}
        assert http.post("/api/predict/batch", content=batch, headers=headers).status_code == 200
        assert "script log" not in gateway.command.errors


def test_no_script_has_failed(front: Front) -> None:
    """The scripts have handled all of the requests above."""
    assert "script log" not in front.gateway.command.errors
    count = 'envoy_http_lua_errors{envoy_http_conn_manager_prefix="gateway"} 0\n'
    assert count in front.http.get("/gateway/metrics").text
