"""Calls over ASGI, by a server that the test plays: answered, or refused in words, and counted."""

import gc
import gzip
from typing import Any

import pytest
from google.rpc import code_pb2

from asgi_application import BATCH, GOOD, GZIP, PREDICT, SERVICE, STREAM, Served
from asgi_requests import Request, framed
from housing.v1.prediction_service_pb2 import (
    PredictResponse,
)
from housing_server.asgi_transport.queued_calls import QueuedCall
from housing_server.core.callers import Caller
from housing_server.core.calls import CallScope
from housing_server.core.endpoints import unary
from housing_server.core.queued_prediction import QueuedPrediction
from housing_server.limits import MAX_REQUEST_BYTES


async def test_unary_call_is_answered_with_headers_a_message_and_trailers(served: Served) -> None:
    """It is counted, and its id is returned."""
    request = Request(PREDICT, headers=[(b"x-request-id", b"mine")]).feed(framed(GOOD))
    await request.answer(served.application)
    assert PredictResponse.FromString(request.messages[0]).prediction_id == "id-1"
    assert request.http_status == 200
    assert dict(request.sent[0]["headers"])[b"content-type"] == b"application/grpc"
    assert request.trailers == {b"grpc-status": b"0", b"x-request-id": b"mine"}
    assert served.counts.ended == {("Predict", "OK"): 1}


def parts_of_calls() -> list[object]:
    """Everything in this process that belongs to a call. Errors that are parameters of tests hold some of others."""
    return [each for each in gc.get_objects() if isinstance(each, QueuedCall | QueuedPrediction | CallScope)]


@pytest.mark.parametrize("message", [GOOD, b"\xff\xff\xff"], ids=["answered", "refused"])
async def test_a_call_is_freed_when_it_has_ended(served: Served, message: bytes) -> None:
    """Cycles of references would leave every call to the garbage collector, whose runs delay other calls."""
    gc.collect()
    before = len(parts_of_calls())
    gc.disable()
    try:
        await Request(PREDICT).feed(framed(message)).answer(served.application)
        assert len(parts_of_calls()) == before
    finally:
        gc.enable()


@pytest.mark.parametrize("path", [PREDICT, STREAM])
async def test_request_that_arrives_byte_by_byte_is_answered(served: Served, path: str) -> None:
    """How a body is cut into parts means nothing."""
    request = Request(path)
    for byte in framed(GOOD):
        request.feed(bytes([byte]), more=True)
    await request.feed(b"").answer(served.application)
    assert request.trailers[b"grpc-status"] == b"0"
    assert len(request.messages) == 1


@pytest.mark.parametrize(
    ("method", "content_type", "status"),
    [
        ("GET", b"application/grpc", 405),
        ("POST", b"application/json", 415),
        ("POST", b"", 415),
        ("POST", b"application/grpc-web", 415),
        ("POST", b"application/grpc+json", 415),
        ("POST", b"application/grpc+proto", 200),
        ("POST", b"application/grpc;charset=utf-8", 200),
    ],
)
async def test_only_grpc_is_answered(served: Served, method: str, content_type: bytes, status: int) -> None:
    """Whatever else is refused by HTTP, since its caller would not look for a gRPC status."""
    request = Request(PREDICT, method=method, content_type=content_type).feed(framed(GOOD))
    await request.answer(served.application)
    assert request.http_status == status
    assert (b"JSON is on the gateway's port" in request.sent[-1].get("body", b"")) == (status != 200)
    assert served.counts.started.total() == (status == 200)


@pytest.mark.parametrize("path", ["/", "/foo", f"{PREDICT}/more", "/housing.v1.PredictionService/Guess"])
async def test_unknown_method_is_unimplemented_and_counted_as_unknown(served: Served, path: str) -> None:
    """What a caller names never becomes a label; the response is its trailers alone."""
    request = await Request(path).feed(framed(b"")).answer(served.application)
    assert request.refusal[:2] == (code_pb2.UNIMPLEMENTED, "METHOD_NOT_FOUND")
    assert [event["type"] for event in request.sent] == ["http.response.start", "http.response.body"]
    assert served.counts.ended == {("unknown", "UNIMPLEMENTED"): 1}


UNDECODABLE = (code_pb2.INVALID_ARGUMENT, "UNDECODABLE_MESSAGE")
TOO_LARGE = (code_pb2.RESOURCE_EXHAUSTED, "MESSAGE_TOO_LARGE")
NOT_SUPPORTED = (code_pb2.UNIMPLEMENTED, "ENCODING_NOT_SUPPORTED")


@pytest.mark.parametrize("path", [PREDICT, STREAM])
@pytest.mark.parametrize(
    ("headers", "body", "expected"),
    [
        ((), framed(b"\xff\xff\xff"), UNDECODABLE),
        ((), framed(GOOD)[:-1], UNDECODABLE),
        ((), b"\0\0", UNDECODABLE),
        ((), framed(GOOD, flag=2), UNDECODABLE),
        ((), framed(gzip.compress(GOOD, mtime=0), flag=1), UNDECODABLE),
        (GZIP, framed(GOOD, flag=1), UNDECODABLE),
        (GZIP, framed(gzip.compress(GOOD, mtime=0)[:-1], flag=1), UNDECODABLE),
        (GZIP, framed(gzip.compress(GOOD, mtime=0) + b"more", flag=1), UNDECODABLE),
        (GZIP, framed(gzip.compress(bytes(MAX_REQUEST_BYTES + 1), mtime=0), flag=1), TOO_LARGE),
        (((b"grpc-encoding", b"br"),), framed(GOOD), NOT_SUPPORTED),
    ],
)
async def test_malformed_request_is_refused_in_words(
    served: Served, path: str, headers: Any, body: bytes, expected: tuple[int, str]
) -> None:
    """It is counted under its method. A small message may not grow over the limit by being unpacked."""
    request = await Request(path, headers=headers).feed(body).answer(served.application)
    assert request.refusal[:2] == expected
    assert served.counts.ended.total() == 1
    assert "unknown" not in served.counts.started


@pytest.mark.parametrize("body", [b"", framed(GOOD) * 2])
async def test_unary_call_has_one_message(served: Served, body: bytes) -> None:
    """None, and several, are refused."""
    request = await Request(PREDICT).feed(body).answer(served.application)
    assert request.refusal[:2] == UNDECODABLE


@pytest.mark.parametrize("path", [BATCH, STREAM])
async def test_message_that_is_too_large_is_refused_before_it_has_arrived(served: Served, path: str) -> None:
    """Its prefix says enough."""
    request = Request(path).feed(framed(bytes(MAX_REQUEST_BYTES + 1))[:1000], more=True)
    await request.answer(served.application)
    assert request.refusal[:2] == TOO_LARGE


@pytest.mark.parametrize("path", [PREDICT, STREAM])
async def test_compressed_messages_are_read(served: Served, path: str) -> None:
    """And messages that are not, among them."""
    request = Request(path, headers=GZIP).feed(framed(gzip.compress(GOOD, mtime=0), flag=1))
    await request.answer(served.application)
    assert request.trailers[b"grpc-status"] == b"0"
    assert len(request.messages) == 1


async def test_refusal_has_its_text_encoded_and_its_details(served: Served) -> None:
    """What is no printable ASCII is percent-encoded in `grpc-message`."""

    async def refuse(_request: Any, _caller: Caller) -> Any:
        raise ValueError("secret")

    served = Served(unary(SERVICE, "Predict", refuse))
    request = await Request(PREDICT).feed(framed(GOOD)).answer(served.application)
    assert request.refusal[:2] == (code_pb2.INTERNAL, "INTERNAL")
    assert b"secret" not in b"".join(request.trailers.values())


@pytest.mark.parametrize("path", [PREDICT, STREAM, BATCH, "/foo"])
async def test_refused_call_returns_a_replaced_request_id_in_trailers(served: Served, path: str) -> None:
    """Its headers hold the one that the caller has sent, if Envoy adds it."""
    request = Request(path, headers=[(b"x-request-id", b"two words")]).feed(framed(b"\xff\xff\xff"))
    await request.answer(served.application)
    assert [event["type"].rpartition(".")[2] for event in request.sent] == ["start", "body", "trailers"]
    assert request.refusal[0] in {code_pb2.INVALID_ARGUMENT, code_pb2.UNIMPLEMENTED}
    assert request.trailers[b"x-request-id"] != b"two words"


async def test_invalid_request_lists_its_violations(served: Served) -> None:
    """The same status as over any other transport."""
    request = await Request(PREDICT).feed(framed(b"")).answer(served.application)
    assert request.refusal == (code_pb2.INVALID_ARGUMENT, "INVALID_REQUEST", "block_group: value is required")
