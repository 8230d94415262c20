"""Streams over ASGI, answers that nobody reads, and the end of the service."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

from google.rpc import code_pb2

from asgi_application import (
    BATCH,
    BLOCK_GROUP,
    GOOD,
    GOOD_OF_STREAM,
    PREDICT,
    SERVICE,
    STREAM,
    Served,
)
from asgi_requests import Request, framed
from housing.v1.prediction_service_pb2 import (
    BatchPredictRequest,
    PredictResponse,
    StreamPredictResponse,
)
from housing_server.core.callers import Caller
from housing_server.core.endpoints import stream, unary
from served import until


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
    assert request.refusal[:2] == (code_pb2.INVALID_ARGUMENT, "UNDECODABLE_MESSAGE")
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
