"""How long runs have been under way."""

import asyncio
import threading

import pytest

from housing.example import BERKELEY
from housing.rows import message_from_mapping
from housing.v1.prediction_service_pb2 import BatchPredictRequest
from housing_server.core.admission import Admission
from housing_server.core.model import Estimates, LoadedModel, Rows
from housing_server.core.prediction import PredictionCore
from housing_server.core.run_clock import RunClock
from running import PATIENCE
from serving_fakes import CALLER, IncomeModel, ListLog, Notes, batch_predict


class StuckModel(IncomeModel):
    """A model that does not return until a test lets it."""

    inline = False

    def __init__(self) -> None:
        self.begun = threading.Event()
        self.may_return = threading.Event()

    def estimate(self, rows: Rows) -> Estimates:
        """Wait."""
        self.begun.set()
        assert self.may_return.wait(PATIENCE)
        return super().estimate(rows)


class Time:
    """A clock that a test sets."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def __call__(self) -> float:
        """Return the time."""
        return self.seconds


async def test_a_run_that_does_not_return_counts_as_stuck() -> None:
    """It keeps a thread, while the event loop turns and other calls are answered; once it is over, all is well."""
    time, model = Time(), StuckModel()
    clock = RunClock(60, time)
    core = PredictionCore(Notes(), ListLog(), Admission(Notes(), max_rows=1000, max_queue_seconds=1e9), clock=clock)
    core.model = LoadedModel(predictor=model)
    rows = [message_from_mapping(BERKELEY)] * 100
    batch = asyncio.create_task(batch_predict(core, BatchPredictRequest(block_groups=rows), CALLER))
    await asyncio.to_thread(model.begun.wait, PATIENCE)
    time.seconds = 60
    assert not clock.stuck
    time.seconds = 61
    assert clock.stuck
    model.may_return.set()
    assert len((await batch).predictions) == 100
    assert not clock.stuck


def test_runs_are_timed_by_the_oldest() -> None:
    """Those that begin later, return or raise do not hide one that goes on."""
    time = Time()
    clock = RunClock(5, time)

    def inner(seconds: float) -> float:
        time.seconds += seconds
        with pytest.raises(ZeroDivisionError):
            clock.run(lambda number: number / 0, 1)
        assert clock.run(abs, -1) == 1
        return clock.oldest_seconds()

    assert clock.run(inner, 7) == 7
    assert clock.oldest_seconds() == 0


def test_without_a_limit_nothing_is_stuck() -> None:
    """A run may take for ever where that is allowed."""
    time = Time()
    clock = RunClock(0, time)

    def run(_: None) -> bool:
        time.seconds += 1e6
        return clock.stuck

    assert not clock.run(run, None)
