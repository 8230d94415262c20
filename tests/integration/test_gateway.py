"""The gateway before a server that answers everything: methods, answers' headers, health, streams, memory, log."""

import json
import re
import socket
import struct
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from http.client import HTTPConnection
from pathlib import Path

import grpc
import httpx
import psutil
import pytest

from fronts import PREDICT, ROW, SHOP, Front, frame, reason
from housing.v1.prediction_service_pb2 import (
    PredictRequest,
    PredictResponse,
    StreamPredictRequest,
    StreamPredictResponse,
)
from housing.v1.prediction_service_pb2_grpc import PredictionServiceStub
from housing.v1.status_service_pb2 import SERVICE_STATUS_NOT_SERVING, SERVICE_STATUS_SERVING
from metric_names import FROM_ENVOY
from running import PATIENCE, gateway_command, wait_for
from upstreams import ASLEEP, PRICE, running_upstream


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE"])
def test_grpc_content_type_with_another_method_is_refused_at_once(method: str, front: Front) -> None:
    """GRPC is POST alone."""
    answer = front.http.request(method, PREDICT, headers={"content-type": "application/grpc"})
    assert reason(answer) == (405, "METHOD_NOT_ALLOWED")
    assert answer.headers["allow"] == "POST"


@pytest.mark.parametrize(
    "path", ["/", "/docs", "/web/js/map.js", "/metrics", "/health", "/api/model", "/gateway/metrics"]
)
def test_head_answers_as_get_without_a_body(path: str, front: Front) -> None:
    """HEAD is known where GET is."""
    got = front.http.get(path, headers={"accept-encoding": "identity"})
    head = front.http.head(path, headers={"accept-encoding": "identity"})
    assert (head.status_code, head.content) == (200, b"")
    assert head.headers["content-type"] == got.headers["content-type"]
    if path != "/gateway/metrics":  # whose length is never the same
        assert head.headers["content-length"] == str(len(got.content))


@pytest.mark.parametrize("path", ["/docs", "/ops"])
def test_page_is_found_with_a_slash_at_its_end(path: str, front: Front) -> None:
    """As people type it."""
    found = front.http.get(f"{path}/")
    assert (found.status_code, httpx.URL(found.headers["location"]).path) == (308, path)
    assert front.http.get(f"{path}/", follow_redirects=True).status_code == 200


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


@pytest.mark.parametrize("path", ["/", "/openapi.json", "/web/block_groups.bin"])
def test_page_is_served_with_a_policy_and_again_as_304(path: str, front: Front) -> None:
    """Browsers ask each time whether it has changed, and load nothing from elsewhere."""
    first = front.http.get(path)
    assert first.status_code == 200
    assert first.headers["cache-control"] == "no-cache"
    assert "default-src 'none'" in first.headers["content-security-policy"]
    again = front.http.get(path, headers={"if-none-match": first.headers["etag"]})
    assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", first.headers["etag"])
    assert "location" not in again.headers
    assert front.http.get(path, headers={"if-none-match": '"other"'}).status_code == 200


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


@pytest.mark.parametrize("origin", [SHOP, "https://other.example", f"{SHOP}.other.example", "null"])
def test_only_named_origins_may_call(front: Front, origin: str) -> None:
    """A page of another origin gets no permission before its call, and may not read an answer."""
    allowed = origin if origin == SHOP else None
    asked = {"access-control-request-method": "POST", "access-control-request-headers": "authorization"}
    preflight = front.http.options("/api/predict", headers={"origin": origin, **asked})
    assert preflight.headers.get("access-control-allow-origin") == allowed
    assert (preflight.status_code == 200) is (allowed is not None)
    if allowed:
        assert "authorization" in preflight.headers["access-control-allow-headers"]
    answer = front.http.post("/api/predict", json=ROW, headers={"origin": origin})
    assert answer.headers.get("access-control-allow-origin") == allowed
