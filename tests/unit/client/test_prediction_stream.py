"""Streams of both clients: order, bounded memory, errors in place, and what ends a stream."""

from collections.abc import AsyncIterator, Iterable, Iterator
from typing import Any

import pytest
from google.rpc import code_pb2

from housing_client import (
    AsyncPredictionClient,
    InvalidRequestError,
    Prediction,
    PredictionClient,
    ServiceError,
    UnavailableError,
)
from unit.client.fake_prediction_service import BERKELEY, FakePredictionService, failed

BAD = BERKELEY | {"longitude": 10.0}


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
    async with AsyncPredictionClient(target) as client:
        return [outcome async for outcome in client.predict_stream(block_groups, **options)]


def _collected(target: str, block_groups: Iterable[Any], **options: Any) -> list[Any]:
    with PredictionClient(target) as client:
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
    with pytest.raises(ServiceError, match="ended the stream"):
        _collected(target, _block_groups(5))
    with pytest.raises(ServiceError, match="ended the stream"):
        await _gathered(target, _block_groups(5))


@pytest.mark.parametrize("window", [1, 256])
async def test_a_stream_that_fails_says_why(target: str, service: FakePredictionService, window: int) -> None:
    """The call's own error is raised, whether it is found out while sending or while receiving."""
    service.failures = [failed(code_pb2.INTERNAL, "broken")] * 2
    with pytest.raises(ServiceError, match="broken"):
        _collected(target, _block_groups(600), window=window)
    with pytest.raises(ServiceError, match="broken"):
        await _gathered(target, _block_groups(600), window=window)


async def test_a_stream_is_tried_again_before_its_first_answer(target: str, service: FakePredictionService) -> None:
    """A restarting service costs a stream nothing."""
    service.failures = [failed(code_pb2.UNAVAILABLE, "wait")]
    assert len(_collected(target, _block_groups(3))) == 3
    service.failures = [failed(code_pb2.UNAVAILABLE, "wait")]
    assert len(await _gathered(target, _block_groups(3))) == 3
    assert service.attempts == 4


async def test_nothing_at_the_target_is_unavailable() -> None:
    """A stream to a wrong target fails as any other call does."""
    with pytest.raises(UnavailableError):
        _collected("localhost:1", [BERKELEY])
    with pytest.raises(UnavailableError):
        await _gathered("localhost:1", [BERKELEY])


def test_a_consumer_that_leaves_cancels_the_call(target: str, service: FakePredictionService) -> None:
    """The service hears of it, and nothing is left waiting."""
    with PredictionClient(target) as client:
        answers = client.predict_stream(_block_groups(1000), window=2)
        next(answers)
        answers.close()
        assert service.cancelled.wait(timeout=60)
