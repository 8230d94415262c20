"""Calls over ASGI, by a server that the test plays: answered, refused in words, counted, cancelled, held back."""

import asyncio
import gc
import gzip
from collections.abc import AsyncIterator
from typing import Any

import pytest
import structlog
from google.rpc import code_pb2

from asgi_requests import Request, framed
from housing.example import BERKELEY
from housing.rows import message_from_mapping
from housing.v1 import prediction_service_pb2
from housing.v1.prediction_service_pb2 import (
    BatchPredictRequest,
    PredictRequest,
    PredictResponse,
    StreamPredictRequest,
    StreamPredictResponse,
)
from housing_server.asgi_transport.application import Application
from housing_server.asgi_transport.hangups import Hangups
from housing_server.asgi_transport.queued_calls import QueuedCall, task_factory
from housing_server.core.arrivals import Arrivals
from housing_server.core.byte_budget import ByteBudget
from housing_server.core.callers import Caller
from housing_server.core.calls import Calls, CallScope
from housing_server.core.deadlines import Deadlines
from housing_server.core.endpoints import Endpoint, Recipient, queued, stream, unary
from housing_server.core.gate import DrainGate
from housing_server.core.queued_prediction import QueuedPrediction
from housing_server.core.services import prediction_endpoints
from housing_server.limits import MAX_REQUEST_BYTES
from served import Counts, until
from serving_fakes import ListLog, Notes, make_core

SERVICE: Any = prediction_service_pb2.DESCRIPTOR.services_by_name["PredictionService"]
PREDICT, BATCH, STREAM = (f"/{SERVICE.full_name}/{name}" for name in ("Predict", "BatchPredict", "StreamPredict"))
BLOCK_GROUP = message_from_mapping(BERKELEY)
GOOD = PredictRequest(block_group=BLOCK_GROUP).SerializeToString()
GOOD_OF_STREAM = StreamPredictRequest(block_group=BLOCK_GROUP).SerializeToString()
GZIP = ((b"grpc-encoding", b"gzip"),)
UNSENT_BYTES = 1 << 16


class Served:
    """An application, and what it has counted."""

    def __init__(self, *more: Endpoint, unary_seconds: float = 60.0) -> None:
        self.counts, self.gate = Counts(), DrainGate()
        self.unsent = ByteBudget(UNSENT_BYTES)
        calls = Calls(gate=self.gate, observer=self.counts, log=structlog.get_logger(), unary_seconds=unary_seconds)
        self.application = Application(
            calls,
            unsent=self.unsent,
            deadlines=Deadlines(sweep_seconds=0.01),
            hangups=Hangups(sweep_seconds=0.01),
        )
        self.application.mount(prediction_endpoints(make_core(Notes(), ListLog())), calls)
        self.application.mount(more, calls)

    def start(self, request: Request) -> "asyncio.Task[Request]":
        """Start a request in a task."""
        return asyncio.create_task(request.answer(self.application))


@pytest.fixture
def served() -> Served:
    """An application with a core of fakes."""
    return Served()


async def test_unary_call_is_answered_with_headers_a_message_and_trailers(served: Served) -> None:
    """It is counted, and its id is returned."""
    request = Request(PREDICT, headers=[(b"x-request-id", b"mine")]).feed(framed(GOOD))
    await request.answer(served.application)
    assert PredictResponse.FromString(request.messages[0]).prediction_id == "id-1"
    assert request.http_status == 200
    assert dict(request.sent[0]["headers"])[b"content-type"] == b"application/grpc"
    assert request.trailers == {b"grpc-status": b"0", b"x-request-id": b"mine"}
    assert served.counts.ended == {("Predict", "OK"): 1}


@pytest.mark.parametrize("message", [GOOD, b"\xff\xff\xff"], ids=["answered", "refused"])
async def test_a_call_is_freed_when_it_has_ended(served: Served, message: bytes) -> None:
    """Cycles of references would leave every call to the garbage collector, whose runs delay other calls."""
    gc.collect()
    gc.disable()
    try:
        await Request(PREDICT).feed(framed(message)).answer(served.application)
        assert not [each for each in gc.get_objects() if isinstance(each, QueuedCall | QueuedPrediction | CallScope)]
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


@pytest.mark.parametrize("path", [PREDICT, STREAM])
async def test_deadline_that_has_passed_is_refused(served: Served, path: str) -> None:
    """Nothing is read."""
    request = await Request(path, headers=[(b"grpc-timeout", b"0m")]).answer(served.application)
    assert request.refusal[:2] == (code_pb2.DEADLINE_EXCEEDED, "DEADLINE_EXCEEDED")


@pytest.mark.parametrize("path", [PREDICT, STREAM])
async def test_call_whose_message_never_comes_ends_at_its_deadline(served: Served, path: str) -> None:
    """It must not hang for good."""
    request = await Request(path, headers=[(b"grpc-timeout", b"10m")]).answer(served.application)
    assert request.refusal[:2] == (code_pb2.DEADLINE_EXCEEDED, "DEADLINE_EXCEEDED")


async def test_unary_call_without_a_deadline_gets_one() -> None:
    """Its message is waited for only so long."""
    request = await Request(PREDICT).answer(Served(unary_seconds=0.01).application)
    assert request.refusal[:2] == (code_pb2.DEADLINE_EXCEEDED, "DEADLINE_EXCEEDED")


@pytest.mark.parametrize("value", [b"", b"1", b"soon", b"-1S", b"123456789S", b"1.5S", b"1s"])
async def test_malformed_deadline_is_none(served: Served, value: bytes) -> None:
    """As in gRPC's own libraries."""
    request = Request(PREDICT, headers=[(b"grpc-timeout", value)]).feed(framed(GOOD))
    await request.answer(served.application)
    assert request.trailers[b"grpc-status"] == b"0"


@pytest.mark.parametrize("path", [PREDICT, STREAM])
async def test_caller_that_goes_while_it_sends_is_counted_as_cancelled(served: Served, path: str) -> None:
    """Nobody is left to answer."""
    request = Request(path).feed(framed(GOOD)[:10], more=True).hang_up()
    await request.answer(served.application)
    assert not request.sent
    assert served.counts.ended == {(path.rpartition("/")[2], "CANCELLED"): 1}


@pytest.mark.parametrize("polled", [True, False])
@pytest.mark.parametrize("kind", ["unary", "stream"])
async def test_handler_is_cancelled_when_its_caller_has_gone(kind: str, polled: bool) -> None:
    """By servers that wait until then, and by those that answer at once."""
    begun, cancelled = asyncio.Event(), asyncio.Event()

    async def hang() -> None:
        begun.set()
        try:
            await asyncio.Event().wait()
        finally:
            cancelled.set()

    async def answer(_request: Any, _caller: Caller) -> None:
        await hang()

    async def answer_stream(_requests: AsyncIterator[Any], _caller: Caller) -> AsyncIterator[Any]:
        await hang()
        yield

    hanging: dict[str, Endpoint] = {
        "unary": unary(SERVICE, "Predict", answer),
        "stream": stream(SERVICE, "StreamPredict", answer_stream),
    }
    endpoint = hanging[kind]
    served = Served(endpoint)
    request = Request(endpoint.method.path, polled=polled).feed(framed(GOOD))
    answering = served.start(request)
    await begun.wait()
    request.hang_up()
    await cancelled.wait()
    await answering
    assert served.counts.ended == {(endpoint.method.name, "CANCELLED"): 1}


class NeverAnswered:
    """A method that queues requests and answers none."""

    def __init__(self) -> None:
        self.begun, self.cancelled = asyncio.Event(), asyncio.Event()
        self.endpoint = queued(SERVICE, "Predict", self.begin, Arrivals())

    def begin(self, _data: bytes, _decode: Any, _caller: Caller, _recipient: Recipient) -> "NeverAnswered":
        """Queue a request."""
        self.begun.set()
        return self

    def cancel(self) -> None:
        """Drop it."""
        self.cancelled.set()


@pytest.mark.parametrize("polled", [True, False])
async def test_queued_request_is_dropped_when_its_caller_has_gone(polled: bool) -> None:
    """No row is computed for nobody."""
    method = NeverAnswered()
    served, request = Served(method.endpoint), Request(PREDICT, polled=polled).feed(framed(GOOD))
    answering = served.start(request)
    await method.begun.wait()
    request.hang_up()
    await answering
    assert method.cancelled.is_set()
    assert served.counts.ended == {("Predict", "CANCELLED"): 1}


async def test_queued_request_is_dropped_at_its_deadline() -> None:
    """Its caller is answered so."""
    method = NeverAnswered()
    request = Request(PREDICT, headers=[(b"grpc-timeout", b"10m")]).feed(framed(GOOD))
    await request.answer(Served(method.endpoint).application)
    assert request.refusal[:2] == (code_pb2.DEADLINE_EXCEEDED, "DEADLINE_EXCEEDED")
    assert method.cancelled.is_set() == method.begun.is_set()


async def test_queued_call_is_its_own_task(served: Served) -> None:
    """An event loop that is asked for a task returns the call itself; all else gets a task."""
    loop, request = asyncio.get_running_loop(), Request(PREDICT).feed(framed(GOOD))
    loop.set_task_factory(task_factory)
    try:
        call: Any = served.application(request.scope, request.receive, request.send)
        assert loop.create_task(call) is call
        assert isinstance(loop.create_task(asyncio.sleep(0)), asyncio.Task)
    finally:
        loop.set_task_factory(None)
    await call
    assert request.trailers[b"grpc-status"] == b"0"


async def test_answer_that_nobody_reads_is_counted_as_cancelled(served: Served) -> None:
    """Its caller has gone since."""
    request = Request(PREDICT).feed(framed(GOOD))
    request.hang_up()
    await request.answer(served.application)
    assert served.counts.ended == {("Predict", "CANCELLED"): 1}


async def test_refusal_that_nobody_reads_ends_quietly(served: Served) -> None:
    """It is counted as what it is."""
    request = Request(PREDICT).feed(framed(b""))
    request.hang_up()
    await request.answer(served.application)
    assert served.counts.ended == {("Predict", "INVALID_ARGUMENT"): 1}


async def test_task_that_is_cancelled_stays_cancelled(served: Served) -> None:
    """A server that stops its applications is obeyed."""
    answering = served.start(Request(PREDICT))
    await until(lambda: served.counts.started.total() == 1)
    answering.cancel()
    with pytest.raises(asyncio.CancelledError):
        await answering


async def test_stream_is_answered_message_by_message(served: Served) -> None:
    """Each answer leaves before the next request arrives."""
    request = Request(STREAM)
    answering = served.start(request)
    for count in range(1, 4):
        request.feed(framed(GOOD_OF_STREAM), more=True)
        await until(lambda count=count: len(request.messages) == count)  # type: ignore[misc]  # mypy cannot infer it
    request.feed(b"")
    await answering
    answers = [StreamPredictResponse.FromString(each).prediction.prediction_id for each in request.messages]
    assert answers == ["id-1", "id-2", "id-3"]
    assert request.trailers[b"grpc-status"] == b"0"


async def test_stream_answers_what_came_before_garbage(served: Served) -> None:
    """Then it ends in words, in its trailers."""
    request = Request(STREAM).feed(framed(GOOD_OF_STREAM) * 2 + framed(b"\xff\xff\xff") + framed(GOOD_OF_STREAM))
    await request.answer(served.application)
    assert len(request.messages) == 2
    assert request.refusal[:2] == UNDECODABLE
    assert served.counts.ended == {("StreamPredict", "INVALID_ARGUMENT"): 1}


async def test_stream_without_messages_ends_well(served: Served) -> None:
    """Its response is its trailers alone."""
    request = await Request(STREAM).feed(b"").answer(served.application)
    assert request.messages == []
    assert request.trailers[b"grpc-status"] == b"0"


async def test_stream_is_not_read_while_its_answers_wait() -> None:
    """A caller that does not read is not read from either, and goes on when it does."""
    taken = 0

    async def echo(requests: AsyncIterator[Any], _caller: Caller) -> AsyncIterator[Any]:
        nonlocal taken
        async for _ in requests:
            taken += 1
            yield StreamPredictResponse()

    served, request, count = Served(stream(SERVICE, "StreamPredict", echo)), Request(STREAM), 10_000
    request.room.clear()
    for _ in range(count):
        request.feed(framed(GOOD_OF_STREAM), more=True)
    answering = served.start(request.feed(b""))
    await until(lambda: taken == 1)
    unread = request.unread
    for _ in range(1000):
        await asyncio.sleep(0)
    assert 0 < request.unread == unread
    request.room.set()
    await answering
    assert taken == len(request.messages) == count


async def test_large_answers_that_nobody_reads_are_bounded(served: Served) -> None:
    """Beyond the budget they are refused; all is well once they have left."""
    batch = framed(BatchPredictRequest(block_groups=[BLOCK_GROUP] * 10_000).SerializeToString())
    first, second = Request(BATCH).feed(batch), Request(BATCH).feed(batch)
    first.room.clear()
    answering = served.start(first)
    await until(lambda: served.unsent.held > 0)
    await second.answer(served.application)
    assert second.refusal[:2] == (code_pb2.RESOURCE_EXHAUSTED, "OVERLOADED")
    first.room.set()
    await answering
    assert served.unsent.held == 0


async def test_closed_gate_refuses_calls_and_waits_for_those_under_way() -> None:
    """So the process ends with nothing half answered."""
    going_on = asyncio.Event()

    async def wait(_request: Any, _caller: Caller) -> PredictResponse:
        await going_on.wait()
        return PredictResponse()

    served = Served(unary(SERVICE, "Predict", wait))
    under_way = Request(PREDICT).feed(framed(GOOD))
    answering = served.start(under_way)
    await until(lambda: served.counts.started.total() == 1)
    closing = asyncio.create_task(served.gate.close(60))
    await until(lambda: not served.gate.open)
    refused = await Request(PREDICT).feed(framed(GOOD)).answer(served.application)
    assert refused.refusal[:2] == (code_pb2.UNAVAILABLE, "SHUTTING_DOWN")
    assert not closing.done()
    going_on.set()
    await closing
    assert under_way.trailers[b"grpc-status"] == b"0"
    await answering
