"""Calls that use a store which may hang."""

import asyncio
import threading

import pytest

from housing_server.errors import PredictionLogUnavailable, QueryTooSlow
from housing_server.prediction_log.store_calls import StoreCalls
from running import PATIENCE


class Store:
    """A store that answers only when a test lets it."""

    def __init__(self) -> None:
        self.hangs = True
        self.answers = threading.Event()

    def ask(self) -> str:
        """Wait for the answer."""
        assert self.answers.wait(PATIENCE)
        return "answer"


async def test_calls_of_a_store_that_hangs_end_and_further_ones_fail_at_once() -> None:
    """No caller waits for it, and callers by the dozen take no more threads; once it answers, all is as before."""
    store = Store()
    calls = StoreCalls(lambda: store.hangs, 2, patience_seconds=0)
    begun = [asyncio.create_task(calls.run(store.ask)) for _ in range(12)]
    for each in begun:
        with pytest.raises(PredictionLogUnavailable):
            await each
    with pytest.raises(PredictionLogUnavailable):
        await calls.run(lambda: pytest.fail("it is not even tried"))
    store.answers.set()
    store.hangs = False
    assert await calls.run(store.ask) == "answer"


async def test_what_a_store_that_hangs_answers_nevertheless_is_returned() -> None:
    """A SQLite file that is locked for writing can be read."""
    calls = StoreCalls(lambda: True, 1, patience_seconds=PATIENCE)
    assert await calls.run(lambda: 7) == 7
    assert await calls.run(lambda: 8) == 8


async def test_errors_are_those_of_the_function() -> None:
    """A query that is cancelled for its time is no store that is down."""

    def read() -> None:
        raise QueryTooSlow(20)

    with pytest.raises(QueryTooSlow):
        await StoreCalls(lambda: False, 1).run(read)
