"""Rows that share runs of a model."""

import asyncio
import threading
from collections.abc import Sequence

import numpy as np

from housing.features import FEATURES
from housing.v1.model_service_pb2 import Model as ModelDescription
from housing_server.core.answers import Answers
from housing_server.core.arrivals import Arrivals
from housing_server.core.callers import Caller
from housing_server.core.coalescing import Answer, Coalescer, Outcome
from housing_server.core.model import Estimates, PriceModel, Rows
from serving_fakes import CALLER


class SumModel:
    """A model whose price is the sum of the row; it may be held up, on a thread."""

    description = ModelDescription(version="1")
    interval_coverage = 0.0
    warnings = ()

    def __init__(self, *, inline: bool = True) -> None:
        self.inline = inline
        self.begun = threading.Event()
        self.go_on = threading.Event()
        self.runs: list[int] = []

    def estimate(self, rows: Rows) -> Estimates:
        """Estimate one price a row."""
        self.runs.append(len(rows))
        self.begun.set()
        if not self.inline:
            assert self.go_on.wait(30)
        if np.isnan(rows).any():
            raise ZeroDivisionError
        return Estimates(median_house_value=rows.sum(axis=1), ocean_proximity=np.zeros(len(rows), dtype=np.int64))


def run(model: PriceModel, rows: Sequence[list[float]], callers: Sequence[Caller]) -> Outcome:
    """Run a model as the core does."""
    padded = np.zeros((len(rows), len(FEATURES)))
    padded[:, : len(rows[0])] = rows
    answers = Answers.of(
        model,
        padded,
        model.estimate(padded),
        prediction_ids=[""] * len(rows),
        predicted_at=0,
        latency_seconds=[0.0],
        callers=callers,
    )
    return Outcome(answers, {})


async def price(waiting: "asyncio.Future[Answer]") -> float:
    """Wait for an answer; tell its price."""
    answers, position = await waiting
    return answers.response(position).median_house_value


def coalescer(model: SumModel) -> Coalescer:
    """A coalescer with one model."""
    return Coalescer(lambda: model, run)


async def test_rows_that_are_submitted_together_share_a_run() -> None:
    """Answers go to whom they belong."""
    model = SumModel()
    shared = coalescer(model)
    prices = await asyncio.gather(*(price(shared.submit([float(number), 1.0], CALLER)) for number in range(5)))
    assert prices == [1, 2, 3, 4, 5]
    assert model.runs == [5]


async def test_row_that_comes_alone_is_answered_alone() -> None:
    """Nobody waits for company."""
    model = SumModel()
    shared = coalescer(model)
    for number in range(3):
        assert await price(shared.submit([float(number)], CALLER)) == number
    assert model.runs == [1, 1, 1]


async def test_calls_that_have_come_together_are_waited_for_longer() -> None:
    """Thirty turns of the event loop after the first row is too late for an idle worker, not for a busy one."""
    model = SumModel()
    shared = coalescer(model)

    async def thirty_turns_apart() -> None:
        first = shared.submit([1.0], CALLER)
        for _ in range(30):
            await asyncio.sleep(0)
        await asyncio.gather(first, shared.submit([2.0], CALLER))

    await thirty_turns_apart()
    assert model.runs == [1, 1]
    await asyncio.gather(shared.submit([1.0], CALLER), shared.submit([2.0], CALLER))
    await thirty_turns_apart()
    assert model.runs == [1, 1, 2, 2]


async def test_row_is_not_kept_waiting_once_no_announced_call_is_pending() -> None:
    """A transport that announces calls makes it unnecessary to guess; one that is slow to send is not waited for."""
    model, arrivals = SumModel(), Arrivals()
    shared = Coalescer(lambda: model, run, arrivals=arrivals)
    arrivals.settle(arrivals.announce())
    first = shared.submit([1.0], CALLER)
    for _ in range(3):
        await asyncio.sleep(0)
    assert first.done()
    slow, quick = arrivals.announce(), arrivals.announce()
    second = shared.submit([2.0], CALLER)
    for _ in range(20):
        await asyncio.sleep(0)
    assert not second.done()
    arrivals.settle(quick)
    assert await price(second) == 2
    arrivals.settle(slow)
    assert arrivals.pending == 0
    assert model.runs == [1, 1]


async def test_rows_that_arrive_while_a_slow_model_runs_form_its_next_run() -> None:
    """The event loop stays free meanwhile."""
    model = SumModel(inline=False)
    shared = coalescer(model)
    first = shared.submit([1.0], CALLER)
    await asyncio.to_thread(model.begun.wait, 30)
    others = [shared.submit([float(number)], CALLER) for number in (2, 3, 4)]
    model.go_on.set()
    assert await asyncio.gather(*map(price, [first, *others])) == [1, 2, 3, 4]
    assert model.runs == [1, 3]


async def test_row_that_nobody_waits_for_is_not_computed() -> None:
    """A call whose deadline has passed costs no inference."""
    model = SumModel()
    shared = coalescer(model)
    gone, waiting = shared.submit([1.0], CALLER), shared.submit([2.0], CALLER)
    gone.cancel()
    assert await price(waiting) == 2
    assert model.runs == [1]
    shared.submit([3.0], CALLER).cancel()
    assert await price(shared.submit([4.0], CALLER)) == 4
    assert model.runs == [1, 1]


async def test_failure_reaches_everyone_in_the_run_and_nobody_after() -> None:
    """The next run is not harmed."""
    model = SumModel()
    shared = coalescer(model)
    outcomes = await asyncio.gather(
        shared.submit([float("nan")], CALLER), shared.submit([1.0], CALLER), return_exceptions=True
    )
    assert [type(outcome) for outcome in outcomes] == [ZeroDivisionError] * 2
    assert await price(shared.submit([1.0], CALLER)) == 1


async def test_each_run_uses_one_model_and_says_which() -> None:
    """A model that is replaced answers what it had begun, the new one what follows."""
    models = [SumModel(), SumModel()]
    shared = Coalescer(lambda: models[0], run)
    before = await shared.submit([1.0], CALLER)
    old = models.pop(0)
    after = await shared.submit([1.0], CALLER)
    assert (before.answers.model, after.answers.model) == (old, models[0])
