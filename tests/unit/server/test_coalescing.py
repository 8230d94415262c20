"""Rows that share runs of a model."""

import asyncio
import threading
from collections.abc import Sequence

import numpy as np

from housing.v1.model_service_pb2 import Model as ModelDescription
from housing_server.coalescing import Coalescer
from housing_server.models import Estimates, Model, Rows


class SumModel:
    """A model whose price is the sum of the row; it may be held up, on a thread."""

    description = ModelDescription(version="1")

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


def run(model: Model, rows: Sequence[list[float]]) -> Estimates:
    """Run a model as the core does."""
    return model.estimate(np.array(rows))


def coalescer(model: SumModel) -> Coalescer:
    """A coalescer with one model."""
    return Coalescer(lambda: model, run)


async def test_rows_that_are_submitted_together_share_a_run() -> None:
    """Answers go to whom they belong."""
    model = SumModel()
    shared = coalescer(model)
    estimates = await asyncio.gather(*(shared.submit([float(number), 1.0]) for number in range(5)))
    assert [estimate.median_house_value for estimate in estimates] == [1, 2, 3, 4, 5]
    assert model.runs == [5]


async def test_row_that_comes_alone_is_answered_alone() -> None:
    """Nobody waits for company."""
    model = SumModel()
    shared = coalescer(model)
    for number in range(3):
        assert (await shared.submit([float(number)])).median_house_value == number
    assert model.runs == [1, 1, 1]


async def test_rows_that_arrive_while_a_slow_model_runs_form_its_next_run() -> None:
    """The event loop stays free meanwhile."""
    model = SumModel(inline=False)
    shared = coalescer(model)
    first = shared.submit([1.0])
    await asyncio.to_thread(model.begun.wait, 30)
    others = [shared.submit([float(number)]) for number in (2, 3, 4)]
    model.go_on.set()
    assert [estimate.median_house_value for estimate in await asyncio.gather(first, *others)] == [1, 2, 3, 4]
    assert model.runs == [1, 3]


async def test_row_that_nobody_waits_for_is_not_computed() -> None:
    """A call whose deadline has passed costs no inference."""
    model = SumModel()
    shared = coalescer(model)
    gone, waiting = shared.submit([1.0]), shared.submit([2.0])
    gone.cancel()
    assert (await waiting).median_house_value == 2
    assert model.runs == [1]
    shared.submit([3.0]).cancel()
    assert (await shared.submit([4.0])).median_house_value == 4
    assert model.runs == [1, 1]


async def test_failure_reaches_everyone_in_the_run_and_nobody_after() -> None:
    """The next run is not harmed."""
    model = SumModel()
    shared = coalescer(model)
    outcomes = await asyncio.gather(shared.submit([float("nan")]), shared.submit([1.0]), return_exceptions=True)
    assert [type(outcome) for outcome in outcomes] == [ZeroDivisionError] * 2
    assert (await shared.submit([1.0])).median_house_value == 1


async def test_each_run_uses_one_model_and_says_which() -> None:
    """A model that is replaced answers what it had begun, the new one what follows."""
    models = [SumModel(), SumModel()]
    shared = Coalescer(lambda: models[0], run)
    before = await shared.submit([1.0])
    old = models.pop(0)
    after = await shared.submit([1.0])
    assert (before.model, after.model) == (old, models[0])
