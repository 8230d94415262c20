"""A worker kept in reserve."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from housing_server.supervision.programs import RECORDER, WORKER
from housing_server.supervision.spare import SpareStarter
from running import PATIENCE
from supervision_fakes import FakeProcess, Surroundings


class Reserve:
    """A starter that keeps a spare, and the processes that it has started."""

    def __init__(self) -> None:
        self.around = Surroundings()
        self.starter = SpareStarter(self.around.starter, self.around.log)
        self.calm = True
        self.task = asyncio.create_task(self.starter.keep_ready(lambda: self.calm))
        self.listening: list[asyncio.Task[object]] = []

    async def started(self) -> FakeProcess:
        """Wait until a process is started behind the starter, and let it answer pings."""
        process = await asyncio.wait_for(self.around.starter.started.get(), PATIENCE)
        self.listening.append(asyncio.create_task(process.receive()))
        return process

    async def spare(self) -> FakeProcess:
        """Wait until a spare is ready."""
        process = await self.started()
        async with asyncio.timeout(PATIENCE):
            while self.starter.pid != process.pid:  # noqa: ASYNC110 - it turns ready by itself
                await asyncio.sleep(0)
        return process

    async def stop_listening(self) -> None:
        """Stop the last process from answering pings."""
        self.listening[-1].cancel()
        await asyncio.wait(self.listening[-1:])


@pytest.fixture
async def reserve() -> AsyncIterator[Reserve]:
    """A reserve that is filled."""
    begun = Reserve()
    yield begun
    for task in (begun.task, *begun.listening):
        task.cancel()
    await asyncio.wait([begun.task, *begun.listening])


async def test_a_worker_is_started_from_the_spare(reserve: Reserve) -> None:
    """It runs already; afterwards there is another one, but only while all is calm."""
    first = await reserve.spare()
    reserve.calm = False
    worker = await reserve.starter.start(WORKER, None)
    assert worker.process.pid == first.pid
    assert reserve.starter.pid is None
    reserve.calm = True
    assert (await reserve.spare()).pid != first.pid


async def test_other_programs_are_started_as_ever(reserve: Reserve) -> None:
    """The spare is of no use to them."""
    spare = await reserve.spare()
    recorder = await reserve.starter.start(RECORDER, None)
    assert recorder.process.pid != spare.pid
    assert reserve.starter.pid == spare.pid


async def test_a_spare_that_has_ended_is_replaced(reserve: Reserve) -> None:
    """Nobody is handed a process that is gone."""
    first = await reserve.spare()
    await reserve.stop_listening()
    first.exit(1)
    assert (await reserve.spare()).pid != first.pid


async def test_a_spare_that_gives_no_sign_of_life_is_not_used(
    reserve: Reserve, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A worker is started afresh in its place, and the spare is ended."""
    monkeypatch.setattr("housing_server.supervision.spare._PING_SECONDS", 0.0)
    spare = await reserve.spare()
    await reserve.stop_listening()
    worker = await reserve.starter.start(WORKER, None)
    assert worker.process.pid != spare.pid
    assert await spare.wait() == -9


async def test_a_spare_that_cannot_be_started_is_tried_again() -> None:
    """One line is logged, and workers start as ever."""
    around = Surroundings()
    around.starter.refusals = [OSError("no more processes")]
    starter = SpareStarter(around.starter, around.log)
    task = asyncio.create_task(starter.keep_ready(lambda: True))
    process = await asyncio.wait_for(around.starter.started.get(), PATIENCE)
    assert around.events("warning") == ["the spare worker cannot be started; retrying"]
    task.cancel()
    await asyncio.wait([task])
    assert await process.wait() == -9
    assert starter.pid is None
