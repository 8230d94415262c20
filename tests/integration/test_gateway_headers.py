"""What the gateway makes of the headers of a request: no malformed one harms anybody else's call."""

import grpc
import pytest

from fronts import PREDICT, ROW, Front, frame, reason
from housing.v1.prediction_service_pb2 import PredictRequest
from housing.v1.prediction_service_pb2_grpc import PredictionServiceStub
from housing_server.limits import MAX_HEADER_BYTES
from upstreams import ASLEEP, PRICE

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


@pytest.mark.parametrize("path", ["/", "/api/model", "/metrics", "/health"])
def test_pages_of_other_hosts_reach_nothing(path: str, front: Front) -> None:
    """A name that a web page has had resolved to this machine is not one of it, whatever the page asks for."""
    answer = front.http.get(path, headers={"host": "rebound.example:8080"})
    assert reason(answer) == (400, "INVALID_HEADER")
    for host in ("localhost", "LOCALHOST:1", "127.0.0.1", "[::1]:8080"):
        assert front.http.get(path, headers={"host": host}).status_code != 400
