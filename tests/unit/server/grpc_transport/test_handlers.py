"""Calls that cannot be answered, over each transport: refused in words, counted, and nothing of ours shows."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import grpc
import pytest
from google.rpc import code_pb2
from grpc_health.v1 import health_pb2

from housing.example import BERKELEY
from housing.rows import message_from_mapping
from housing.services import SERVICES
from housing.v1.block_group_pb2 import BlockGroup
from housing.v1.prediction_service_pb2 import (
    BatchPredictRequest,
    PredictRequest,
    StreamPredictRequest,
    StreamPredictResponse,
)
from housing.v1.prediction_service_pb2_grpc import PredictionServiceStub
from housing_server.limits import MAX_METADATA_BYTES, MAX_REQUEST_BYTES
from http2 import Http2Connection
from served import UNSENT_BYTES, Served, code_reason_text, until

PREDICTION = "/housing.v1.PredictionService"
PREDICT, BATCH, STREAM = (f"{PREDICTION}/{name}" for name in ("Predict", "BatchPredict", "StreamPredict"))
STATUS = "/housing.v1.StatusService/GetStatus"
GOOD = PredictRequest(block_group=message_from_mapping(BERKELEY))
LABEL = BlockGroup.DESCRIPTOR.fields_by_name["ocean_proximity"].number
NOT_UTF8 = bytes([0x0A, 3, LABEL << 3 | 2, 1, 0xFF])
"""A block group whose label is no UTF-8."""
GARBAGE = b"\xff\xff\xff"


@pytest.mark.parametrize(
    ("path", "message"),
    [
        (PREDICT, GARBAGE),
        (PREDICT, NOT_UTF8),
        (BATCH, GARBAGE),
        (BATCH, NOT_UTF8),
        (STREAM, GARBAGE),
        (STREAM, NOT_UTF8),
        (STATUS, GARBAGE),
        ("/housing.v1.ModelService/GetModel", GARBAGE),
        ("/grpc.health.v1.Health/Check", GARBAGE),
        ("/grpc.health.v1.Health/List", GARBAGE),
        ("/grpc.health.v1.Health/Watch", GARBAGE),
        ("/grpc.reflection.v1.ServerReflection/ServerReflectionInfo", GARBAGE),
        ("/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo", GARBAGE),
    ],
)
async def test_message_that_cannot_be_decoded_is_the_callers_fault(served: Served, path: str, message: bytes) -> None:
    """It is INVALID_ARGUMENT with a reason, counted under its method, and names the message type, no class of ours."""
    code, reason, text = await served.refusal(path, message)
    assert (code, reason) == ("INVALID_ARGUMENT", "UNDECODABLE_MESSAGE")
    assert text.startswith("the request cannot be decoded as ")
    assert "Error" not in text
    assert served.counts.ended == {(path.rpartition("/")[2], "INVALID_ARGUMENT"): 1}


@pytest.mark.parametrize(
    "path",
    [
        "/foo",
        "/",
        "/a/b/c",
        f"{PREDICTION}/Guess",
        f"{PREDICT}/more",
        "/housing.v1.PredictionLogService/Forget",
        "/grpc.health.v1.Health/Heal",
    ],
)
async def test_unknown_method_is_unimplemented_and_counted_as_unknown(served: Served, path: str) -> None:
    """Whatever it is called: what a caller names never becomes a label."""
    code, reason, _ = await served.refusal(path, b"")
    assert (code, reason) == ("UNIMPLEMENTED", "METHOD_NOT_FOUND")
    assert served.counts.started == {"unknown": 1}
    assert served.counts.ended == {("unknown", "UNIMPLEMENTED"): 1}


@pytest.mark.parametrize("path", [BATCH, STREAM])
async def test_message_that_is_too_large_is_refused_with_the_limit(served: Served, path: str) -> None:
    """It is counted too, and not decoded."""
    code, reason, text = await served.refusal(path, bytes(MAX_REQUEST_BYTES + 1))
    assert (code, reason) == ("RESOURCE_EXHAUSTED", "MESSAGE_TOO_LARGE")
    assert str(MAX_REQUEST_BYTES) in text
    assert served.counts.ended == {(path.rpartition("/")[2], "RESOURCE_EXHAUSTED"): 1}


async def test_batch_of_two_million_rows_is_refused_by_their_number(served: Served) -> None:
    """It is under the limit of bytes; no more rows are read than it takes to refuse it."""
    code, _, text = await served.refusal(BATCH, b"\x0a\x00" * 2_000_000)
    assert (code, text) == ("INVALID_ARGUMENT", "block_groups: must contain no more than 10000 item(s)")


async def test_call_without_a_message_is_refused(served: Served) -> None:
    """A caller that ends its side without one cannot be answered."""
    async with Http2Connection.open(served.port) as connection:
        assert await connection.call(PREDICT, message=None) == grpc.StatusCode.INVALID_ARGUMENT.value[0]
    assert served.counts.ended == {("Predict", "INVALID_ARGUMENT"): 1}


@pytest.mark.parametrize("unary_seconds", [0.01])
async def test_unary_call_whose_message_never_comes_ends(served: Served) -> None:
    """A call without a deadline gets one, so that it does not hang for good."""
    async with Http2Connection.open(served.port) as connection:
        stream = connection.start(PREDICT)
        assert await connection.status(stream) == grpc.StatusCode.DEADLINE_EXCEEDED.value[0]
    assert served.counts.ended == {("Predict", "DEADLINE_EXCEEDED"): 1}


@pytest.mark.parametrize("path", [PREDICT, STREAM, STATUS])
async def test_tiny_deadline_is_never_answered_as_overload(served: Served, path: str) -> None:
    """It says nothing about the load. gRPC rounds it up to a millisecond, in which a call may be answered."""
    async with Http2Connection.open(served.port) as connection:
        status = await connection.call(path, [(b"grpc-timeout", b"1n")], GOOD.SerializeToString())
    unary: Any = served.channel.unary_unary
    await unary(STATUS)(b"")  # by then the first one has begun: it is not counted in a later test
    assert status in {grpc.StatusCode.OK.value[0], grpc.StatusCode.DEADLINE_EXCEEDED.value[0]}


async def test_stream_answers_what_came_before_garbage(served: Served) -> None:
    """Then it ends, in words: what follows a message that cannot be decoded cannot be relied on."""
    good = StreamPredictRequest(block_group=GOOD.block_group).SerializeToString()
    method: Any = served.channel.stream_stream(STREAM)
    call = method(messages(good, good, GARBAGE, good))
    answers = [StreamPredictResponse.FromString(await call.read()) for _ in range(2)]
    assert [answer.prediction.prediction_id for answer in answers] == ["id-1", "id-2"]
    with pytest.raises(grpc.aio.AioRpcError) as raised:
        await call.read()
    assert code_reason_text(raised.value)[:2] == ("INVALID_ARGUMENT", "UNDECODABLE_MESSAGE")
    assert served.counts.ended == {("StreamPredict", "INVALID_ARGUMENT"): 1}


async def messages(*data: bytes) -> AsyncIterator[bytes]:
    """A stream of messages."""
    for each in data:
        yield each


@pytest.mark.parametrize(
    ("name", "value"), [(b"x-request-id", b"\xe9"), (b"traceparent", b"\xe9\xff"), (b"user-agent", b"\xff")]
)
async def test_metadata_that_is_no_text_disturbs_nothing(served: Served, name: bytes, value: bytes) -> None:
    """It is dropped or replaced."""
    async with Http2Connection.open(served.port) as connection:
        assert await connection.call(PREDICT, [(name, value)], GOOD.SerializeToString()) == 0


@pytest.mark.parametrize(
    ("name", "value"), [(b"foo-bin", b"***"), (b"grpc-encoding", b"br"), (b"grpc-timeout", b"soon")]
)
@pytest.mark.parametrize("served", ["grpc"], indirect=True)
async def test_malformed_header_of_grpc_fails_its_own_call_within_the_library(
    served: Served, name: bytes, value: bytes
) -> None:
    """As INTERNAL and without a reason, as documented; the next call on the connection is answered."""
    async with Http2Connection.open(served.port) as connection:
        assert await connection.call(PREDICT, [(name, value)], GOOD.SerializeToString()) == code_pb2.INTERNAL
        assert await connection.call(PREDICT, [], GOOD.SerializeToString()) == 0


@pytest.mark.parametrize("served", ["grpc"], indirect=True)
async def test_message_beyond_twice_the_limit_is_refused_by_the_library(served: Served) -> None:
    """Unread, with the same code as one that is a little too large, and without a reason, as documented."""
    with pytest.raises(grpc.aio.AioRpcError) as raised:
        await served.send(PREDICT, bytes(2 * MAX_REQUEST_BYTES + 1))
    assert raised.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
    assert "grpc-status-details-bin" not in dict(raised.value.trailing_metadata() or ())


@pytest.mark.parametrize(("given", "kept"), [("mine-1", True), (None, False), ("x" * 129, False), ("two words", False)])
async def test_request_id_is_returned(served: Served, given: str | None, kept: bool) -> None:
    """With answers, refusals and streams alike: the caller's own, or a new one for a missing or invalid one."""
    metadata = () if given is None else (("x-request-id", given),)
    unary: Any = served.channel.unary_unary
    for path, data in ((PREDICT, GOOD.SerializeToString()), (PREDICT, GARBAGE), ("/unknown", b""), (STREAM, b"")):
        trailers = dict(await unary(path)(data, metadata=metadata).trailing_metadata())
        returned = trailers["x-request-id"]
        assert (returned == given) is kept
        assert 0 < len(returned) <= 128


async def test_two_thousand_calls_at_once_on_one_connection_are_all_answered(served: Served) -> None:
    """What is over the connection's limit waits with the caller, and gRPC resets none of it."""
    stub: Any = PredictionServiceStub(served.channel)
    answers = await asyncio.gather(*(stub.Predict(GOOD) for _ in range(2000)))
    assert len({answer.prediction_id for answer in answers}) == 2000
    assert served.counts.ended == {("Predict", "OK"): 2000}


async def test_calls_of_many_connections_at_once_are_all_answered(served: Served) -> None:
    """GRPC would cancel some of those that wait for the event loop."""
    options = [("grpc.use_local_subchannel_pool", 1), ("grpc.enable_retries", 0)]
    channels = [grpc.aio.insecure_channel(f"127.0.0.1:{served.port}", options) for _ in range(12)]
    stubs: list[Any] = [PredictionServiceStub(channel) for channel in channels]
    await asyncio.gather(*(stub.Predict(GOOD) for _ in range(250) for stub in stubs))
    assert served.counts.ended == {("Predict", "OK"): 3000}
    await asyncio.gather(*(channel.close() for channel in channels))


@pytest.mark.parametrize(("size", "allowed"), [(12 << 10, True), (MAX_METADATA_BYTES, False)])
async def test_metadata_has_one_firm_limit(served: Served, size: int, allowed: bool) -> None:
    """Below it every call passes, above it none does."""
    stub: Any = PredictionServiceStub(served.channel)
    calls = [stub.Predict(GOOD, metadata=(("x-filler", "x" * size),)) for _ in range(30)]
    codes = {await call.code() for call in calls}
    assert codes == {grpc.StatusCode.OK if allowed else grpc.StatusCode.RESOURCE_EXHAUSTED}


async def test_answers_that_nobody_reads_are_bounded(served: Served) -> None:
    """Beyond the budget large answers are refused; small ones are not, and all is well once the caller is gone."""
    request = BatchPredictRequest(block_groups=[GOOD.block_group] * 10_000).SerializeToString()
    # A client that reads little ahead of what it is asked for.
    options = [("grpc.http2.bdp_probe", 0), ("grpc.http2.lookahead_bytes", 1 << 16), ("grpc.enable_retries", 0)]
    async with grpc.aio.insecure_channel(f"127.0.0.1:{served.port}", options) as channel:
        method: Any = channel.unary_stream(BATCH)
        unread = [method(request) for _ in range(8)]
        await until(lambda: served.counts.ended.total() == len(unread))
        assert served.counts.ended["BatchPredict", "RESOURCE_EXHAUSTED"] > 0
        assert 0 < served.unsent.held <= UNSENT_BYTES
        assert await served.send(PREDICT, GOOD.SerializeToString())
    await until(lambda: not served.unsent.held)


async def test_health_is_by_service_checked_listed_and_watched(served: Served) -> None:
    """A watcher hears of each change; an unknown service is NOT_FOUND, or unknown to a watcher."""
    health: Any = served.channel
    served.health.set(["", SERVICES[0]], serving=True)
    check = health.unary_unary("/grpc.health.v1.Health/Check")
    request = health_pb2.HealthCheckRequest(service=SERVICES[0]).SerializeToString()
    assert health_pb2.HealthCheckResponse.FromString(await check(request)).status == 1
    listing: Any = health_pb2.HealthListResponse  # type: ignore[attr-defined]  # newer than its stub
    listed = listing.FromString(await health.unary_unary("/grpc.health.v1.Health/List")(b""))
    assert {name for name, each in listed.statuses.items() if each.status == 1} == {"", SERVICES[0]}
    assert set(listed.statuses) == {"", *SERVICES}
    watching = health.unary_stream("/grpc.health.v1.Health/Watch")(request)
    assert health_pb2.HealthCheckResponse.FromString(await watching.read()).status == 1
    served.health.set([SERVICES[0]], serving=False)
    assert health_pb2.HealthCheckResponse.FromString(await watching.read()).status == 2
    unknown = health_pb2.HealthCheckRequest(service="nobody").SerializeToString()
    assert (await served.refusal("/grpc.health.v1.Health/Check", unknown))[:2] == ("NOT_FOUND", "SERVICE_NOT_FOUND")


async def test_reflection_of_both_versions_describes_every_service_it_lists(served: Served) -> None:
    """Itself included."""
    from grpc_reflection.v1alpha import reflection_pb2  # noqa: PLC0415 - its descriptor is of this test alone

    for version in ("v1", "v1alpha"):
        method: Any = served.channel.stream_stream(f"/grpc.reflection.{version}.ServerReflection/ServerReflectionInfo")
        call = method()
        await call.write(reflection_pb2.ServerReflectionRequest(list_services="").SerializeToString())
        answer = reflection_pb2.ServerReflectionResponse.FromString(await call.read())
        names = {service.name for service in answer.list_services_response.service}
        assert {*SERVICES, "grpc.reflection.v1.ServerReflection", "grpc.reflection.v1alpha.ServerReflection"} <= names
        for name in names:
            request = reflection_pb2.ServerReflectionRequest(file_containing_symbol=name)
            await call.write(request.SerializeToString())
            found = reflection_pb2.ServerReflectionResponse.FromString(await call.read())
            assert found.file_descriptor_response.file_descriptor_proto, name
        await call.done_writing()
