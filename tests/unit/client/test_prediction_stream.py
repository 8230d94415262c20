"""Streams of both clients: order, bounded memory, errors in place, and what ends a stream."""

import json
import threading
from collections.abc import AsyncIterator, Iterable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest
from google.rpc import code_pb2

from housing.services import SERVICES
from housing_client import (
    AsyncPredictionClient,
    DeadlineExceededError,
    InvalidRequestError,
    Prediction,
    PredictionClient,
    Retries,
    ServiceError,
    UnavailableError,
)
from housing_client.channel import service_config
from unit.client.fake_prediction_service import BERKELEY, FakePredictionService, failed, serving

BAD = BERKELEY | {"longitude": 10.0}
QUICK = Retries(first_pause=0.02)
"""What is said of attempts holds for any pauses."""


def _block_groups(count: int) -> Iterator[dict[str, Any]]:
    return (BERKELEY | {"population": float(number)} for number in range(count))


class _Source:
    """Counts what is taken from it."""

    def __init__(self, count: int) -> None:
        self._count = count
        self.taken = 0

    def __iter__(self) -> Iterator[dict[str, Any]]:
        for block_group in _block_groups(self._count):
            self.taken += 1
            yield block_group


async def _gathered(target: str, block_groups: Any, **options: Any) -> list[Any]:
    async with AsyncPredictionClient(target, retries=QUICK) as client:
        return [outcome async for outcome in client.predict_stream(block_groups, **options)]


def _collected(target: str, block_groups: Iterable[Any], **options: Any) -> list[Any]:
    with PredictionClient(target, retries=QUICK) as client:
        return list(client.predict_stream(block_groups, **options))


def _ids(outcomes: Iterable[Any]) -> list[str]:
    return [outcome.prediction_id for outcome in outcomes]


@pytest.mark.parametrize("window", [1, 7, 5000])
async def test_answers_come_in_the_order_of_the_requests(target: str, window: int) -> None:
    """Whatever the window, the n-th answer belongs to the n-th block group."""
    expected = [f"id-{number}" for number in range(1000)]
    assert _ids(_collected(target, _block_groups(1000), window=window)) == expected
    assert _ids(await _gathered(target, _block_groups(1000), window=window)) == expected


def test_a_slow_consumer_holds_back_the_source(target: str) -> None:
    """No more than the window is read ahead of the answers that were taken."""
    source = _Source(1000)
    with PredictionClient(target) as client:
        answers = client.predict_stream(source, window=10)
        for answered in range(1, 50):
            next(answers)
            assert source.taken == answered + 9


async def test_a_slow_async_consumer_holds_back_the_source(target: str) -> None:
    """No more than the window is read ahead of the answers that were taken."""
    source = _Source(1000)
    async with AsyncPredictionClient(target) as client:
        answers = client.predict_stream(source, window=10)
        for answered in range(1, 50):
            await anext(answers)
            assert source.taken == answered + 9


async def test_an_async_source_is_streamed(target: str) -> None:
    """Block groups may themselves arrive asynchronously."""

    async def arriving() -> AsyncIterator[dict[str, Any]]:
        for block_group in _block_groups(3):
            yield block_group

    assert _ids(await _gathered(target, arriving())) == ["id-0", "id-1", "id-2"]


async def test_a_bad_block_group_is_answered_with_its_error(target: str) -> None:
    """The error is in its place, and the stream goes on."""
    given = [BERKELEY, BAD, BERKELEY]
    for outcomes in (_collected(target, given), await _gathered(target, given)):
        first, second, third = outcomes
        assert isinstance(first, Prediction)
        assert isinstance(second, InvalidRequestError)
        assert [found.field for found in second.violations] == ["block_group.longitude"]
        assert isinstance(third, Prediction)


async def test_an_empty_stream_has_no_answers(target: str) -> None:
    """Nothing asked, nothing answered, no error."""
    assert not _collected(target, [])
    assert not await _gathered(target, [])


async def test_an_error_of_the_source_reaches_the_caller(target: str) -> None:
    """It is raised as it is, not hidden behind a cancelled call."""

    def breaking() -> Iterator[dict[str, Any]]:
        yield BERKELEY
        raise RuntimeError("the file broke off")

    with pytest.raises(RuntimeError, match="broke off"):
        _collected(target, breaking())
    with pytest.raises(RuntimeError, match="broke off"):
        await _gathered(target, breaking())


async def test_a_stream_that_the_service_ends_early_is_an_error(target: str, service: FakePredictionService) -> None:
    """Fewer answers than requests never look like success."""
    service.stream_ends_after = 2
    with pytest.raises(ServiceError, match=r"ended the stream.* \(after 2 answers\)") as raised:
        _collected(target, _block_groups(5))
    assert raised.value.answered == 2
    with pytest.raises(ServiceError, match=r"ended the stream.* \(after 2 answers\)") as raised:
        await _gathered(target, _block_groups(5))
    assert raised.value.answered == 2


@pytest.mark.parametrize("window", [1, 256])
async def test_a_stream_that_fails_says_why(target: str, service: FakePredictionService, window: int) -> None:
    """The call's own error is raised, whether it is found out while sending or while receiving."""
    service.failures = [failed(code_pb2.INTERNAL, "broken")] * 2
    with pytest.raises(ServiceError, match="broken"):
        _collected(target, _block_groups(600), window=window)
    with pytest.raises(ServiceError, match="broken"):
        await _gathered(target, _block_groups(600), window=window)


async def test_a_stream_is_tried_again_before_its_first_answer(target: str, service: FakePredictionService) -> None:
    """A restarting service costs a stream nothing, and both attempts have one request id."""
    service.failures = [failed(code_pb2.UNAVAILABLE, "wait")]
    assert len(_collected(target, _block_groups(3))) == 3
    assert service.attempts == 2
    service.failures = [failed(code_pb2.UNAVAILABLE, "wait")]
    assert len(await _gathered(target, _block_groups(3))) == 3
    assert service.attempts == 4
    first, second, third, fourth = service.request_ids
    assert (first == second, third == fourth, first != third) == (True, True, True)


def _until(service: FakePredictionService, calls: int) -> Iterator[dict[str, Any]]:
    """Make block groups until the service has had so many calls."""
    for block_group in _block_groups(1_000_000):
        if service.attempts >= calls:
            return
        yield block_group


def _is_whole(outcomes: list[Any]) -> bool:
    return bool(outcomes) and _ids(outcomes) == [f"id-{number:g}" for number in range(len(outcomes))]


@pytest.mark.parametrize("window", [1, 256])
async def test_a_stream_outlives_its_connections(window: int) -> None:
    """The service closes connections of some age: each block group has one answer all the same, in order."""
    age = {"max_connection_age_ms": 100, "max_connection_age_grace_ms": 100}
    service = FakePredictionService()
    with serving(service, options=age) as target:
        assert _is_whole(_collected(target, _until(service, calls=3), window=window))
    service = FakePredictionService()
    with serving(service, options=age) as target:
        assert _is_whole(await _gathered(target, _until(service, calls=3), window=window))


async def test_a_stream_outlives_a_restart_of_the_service() -> None:
    """Calls in flight are cut off, and nothing listens for a while: nothing is lost, and nothing comes twice."""

    def restarting(servers: ExitStack, port: int) -> Iterator[dict[str, Any]]:
        for number, block_group in enumerate(_block_groups(300)):
            if number == 150:
                servers.close()
                servers.enter_context(serving(FakePredictionService(), port=port))
            yield block_group

    with ExitStack() as servers:
        target = servers.enter_context(serving(FakePredictionService()))
        port = int(target.rpartition(":")[2])
        outcomes = _collected(target, restarting(servers, port), window=50)
        assert (len(outcomes), _is_whole(outcomes)) == (300, True)
        outcomes = await _gathered(target, restarting(servers, port), window=50)
        assert (len(outcomes), _is_whole(outcomes)) == (300, True)


async def test_a_service_that_does_not_come_back_ends_the_stream_with_how_far_it_got() -> None:
    """Long before the stream's deadline."""
    retries = Retries(stream_patience=0.5)

    def abandoned(servers: ExitStack) -> Iterator[dict[str, Any]]:
        for number, block_group in enumerate(_block_groups(100)):
            if number == 50:
                servers.close()
            yield block_group

    with (
        ExitStack() as servers,
        PredictionClient(servers.enter_context(serving(FakePredictionService())), retries=retries) as client,
    ):
        with pytest.raises(UnavailableError) as raised:
            list(client.predict_stream(abandoned(servers), window=1))
        assert raised.value.answered == 50
    with ExitStack() as servers:
        async with AsyncPredictionClient(
            servers.enter_context(serving(FakePredictionService())), retries=retries
        ) as aio:
            with pytest.raises(UnavailableError) as raised:
                async for _ in aio.predict_stream(abandoned(servers), window=1):
                    pass
        assert raised.value.answered == 50


async def test_a_stream_that_the_service_cancels_is_an_error(target: str, service: FakePredictionService) -> None:
    """Not a cancellation of the caller's own task."""
    service.failures = [failed(code_pb2.CANCELLED, "stopped")] * 2
    with pytest.raises(ServiceError, match="stopped"):
        _collected(target, _block_groups(3))
    with pytest.raises(ServiceError, match="stopped"):
        await _gathered(target, _block_groups(3))


async def test_the_deadline_is_that_of_the_whole_stream(target: str, service: FakePredictionService) -> None:
    """It is not begun anew with another call."""
    service.hold = threading.Event()
    with pytest.raises(DeadlineExceededError):
        _collected(target, _block_groups(3), deadline=0.1)
    with pytest.raises(DeadlineExceededError):
        await _gathered(target, _block_groups(3), deadline=0.1)
    service.hold.set()


def test_streams_are_left_out_of_the_retries_of_grpc() -> None:
    """Which leave a stream hanging that has had an answer; every other method is tried again."""
    (config,) = json.loads(service_config())["methodConfig"]
    names = {(name["service"], name["method"]) for name in config["name"]}
    assert ("housing.v1.PredictionService", "Predict") in names
    assert {service for service, _ in names} == set(SERVICES)
    assert "StreamPredict" not in {method for _, method in names}
    assert "methodConfig" not in json.loads(service_config(Retries(attempts=1)))


async def test_nothing_at_the_target_is_unavailable() -> None:
    """A stream to a wrong target fails as any other call does."""
    with pytest.raises(UnavailableError):
        _collected("localhost:1", [BERKELEY])
    with pytest.raises(UnavailableError):
        await _gathered("localhost:1", [BERKELEY])


def test_a_consumer_that_leaves_cancels_the_call(target: str, service: FakePredictionService) -> None:
    """The call ends though the service is still at the second block group, and nothing is left waiting."""
    service.hold_second = threading.Event()
    try:
        with PredictionClient(target) as client:
            answers = client.predict_stream(_block_groups(1000), window=2)
            next(answers)
            answers.close()
            assert service.stream_ended.wait(timeout=60)
    finally:
        service.hold_second.set()
