"""Calls over ASGI that end before they are answered: at their deadlines, and when their callers have gone."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
from google.rpc import code_pb2

from asgi_application import (
    GOOD,
    PREDICT,
    SERVICE,
    STREAM,
    Served,
)
from asgi_requests import Request, framed
from housing_server.asgi_transport.queued_calls import task_factory
from housing_server.core.arrivals import Arrivals
from housing_server.core.callers import Caller
from housing_server.core.endpoints import Endpoint, Recipient, queued, stream, unary
from served import until


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
