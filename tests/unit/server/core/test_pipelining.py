"""Streams with several messages under way."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from housing_server.core.pipelining import Pipeline

WINDOW = 4


class Numbers:
    """A sender of numbers that notes how far it was read."""

    def __init__(self, count: int, error: Exception | None = None) -> None:
        self.read = 0
        self._count = count
        self._error = error

    async def __aiter__(self) -> AsyncIterator[int]:
        for number in range(self._count):
            self.read = number + 1
            yield number
        if self._error is not None:
            raise self._error


async def double(number: int) -> int:
    """Answer, sooner for some than for others."""
    for _ in range(number % 3):
        await asyncio.sleep(0)
    return 2 * number


PIPELINE: Pipeline[int, int, int] = Pipeline(begin=int, finish=double, window=WINDOW)


async def test_answers_come_in_order() -> None:
    """However long each takes."""
    assert [answer async for answer in PIPELINE.answer(aiter(Numbers(50)))] == list(range(0, 100, 2))


async def test_answer_comes_before_the_next_message_is_sent() -> None:
    """A caller may wait for each answer before it sends on."""
    replies: asyncio.Queue[int] = asyncio.Queue()

    async def ping_pong() -> AsyncIterator[int]:
        for number in range(3):
            yield number
            assert await replies.get() == 2 * number

    async for answer in PIPELINE.answer(ping_pong()):
        replies.put_nowait(answer)
    assert replies.empty()


async def test_sender_is_held_back_when_answers_are_not_taken() -> None:
    """No more is read than the window, the message being handed over, and the one just answered."""
    numbers = Numbers(1_000)
    answers = PIPELINE.answer(aiter(numbers))
    assert await anext(answers) == 0
    for _ in range(100):
        await asyncio.sleep(0)
    assert numbers.read <= WINDOW + 2
    await answers.aclose()  # type: ignore[attr-defined]  # an async generator, as every caller knows
    assert len(asyncio.all_tasks()) == 1, "nothing goes on reading"


async def test_stream_that_breaks_off_is_answered_so_far_and_then_fails() -> None:
    """What came before the break is not lost."""
    answers = PIPELINE.answer(aiter(Numbers(3, ConnectionError())))
    assert [await anext(answers) for _ in range(3)] == [0, 2, 4]
    with pytest.raises(ConnectionError):
        await anext(answers)
