"""Keeping a process running: whatever happens to it, and whatever happens while it is started."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from housing_server.control.messages import (
    ControlMessage,
    DiscardModel,
    Drain,
    ReportStatus,
    Serving,
)
from housing_server.supervision.process import SupervisedProcess
from running import PATIENCE
from supervision_fakes import FakeProcess, Surroundings

CONFIGURATION = DiscardModel()
"""Any message will do."""


class Watched(SupervisedProcess):
    """A process that serves once it has said so."""

    def __init__(self, around: Surroundings) -> None:
        super().__init__("worker-0", "housing_server.processes.worker", around.supervision)
        self.version: str | None = None

    @property
    def serving(self) -> bool:
        """Whether it has said so."""
        return self.version is not None

    def configuration(self) -> ControlMessage:
        """Return anything."""
        return CONFIGURATION

    def on_message(self, message: ControlMessage) -> None:
        """Believe what it says; a message of another kind is more than this can bear."""
        if isinstance(message, ReportStatus):
            raise ValueError("unexpected")
        if isinstance(message, Serving):
            self.version = message.model_version

    def on_exit(self) -> None:
        """Forget it."""
        self.version = None


class Run:
    """A process that is kept running until the end of the test."""

    def __init__(self, around: Surroundings) -> None:
        self.around = around
        self.watched = Watched(around)
        self.task = asyncio.create_task(self.watched.keep_running())

    async def next(self) -> FakeProcess:
        """Wait for the next start."""
        return await asyncio.wait_for(self.around.starter.started.get(), PATIENCE)

    async def end(self) -> None:
        """Run it no more."""
        self.task.cancel()
        await asyncio.wait([self.task])


@pytest.fixture
async def run() -> AsyncIterator[Run]:
    """A process that is kept running and may be silent."""
    begun = Run(Surroundings())
    yield begun
    await begun.end()


async def test_it_is_configured_first_and_started_again_when_it_ends(run: Run) -> None:
    """Each start is the same; what is left of the one before is removed."""
    for restarts in range(2):
        process = await run.next()
        assert await process.receive() == CONFIGURATION
        assert run.watched.restarts == restarts
        process.exit(1)
    await run.next()
    assert run.watched.exit_code == 1
    assert run.around.starter.cleaned == ["worker-0"] * 2


@pytest.mark.parametrize(
    "refusal",
    [
        BlockingIOError(11, "Resource temporarily unavailable"),
        OSError(24, "Too many open files"),
        MemoryError(),
        RuntimeError("can't start new thread"),
    ],
)
async def test_start_that_is_refused_is_tried_again_and_logged(run: Run, refusal: Exception) -> None:
    """For as long as it takes."""
    process = await run.next()
    run.around.starter.refusals = [refusal] * 2
    process.send(Serving(model_version="1"))
    process.exit(0)
    assert await (await run.next()).receive() == CONFIGURATION
    assert run.around.events("error") == [
        "process ended",
        *["process cannot be started; retrying with exponential backoff"] * 2,
    ]


async def test_message_that_cannot_be_handled_replaces_the_process(run: Run) -> None:
    """A process that nobody listens to any more must not live on."""
    process = await run.next()
    process.send(ReportStatus(status=""))
    assert await process.wait() == -9
    await run.next()
    assert "supervising the process failed; replacing it" in run.around.events("error")


async def test_exit_counts_although_a_grandchild_holds_the_socket(run: Run) -> None:
    """What a model has started may have inherited the socket, whose end then never comes."""
    process = await run.next()
    process.exit(1, closes=False)
    await run.next()


async def test_drained_process_is_not_started_again(run: Run) -> None:
    """It is asked to stop, and its end is no error."""
    process = await run.next()
    assert await process.receive() == CONFIGURATION
    run.watched.drain()
    assert await process.receive() == Drain()
    process.exit(0)
    await run.task
    assert run.watched.restarts == 0
    assert run.around.events("error") == []


async def test_renewed_process_is_started_again(run: Run) -> None:
    """It may finish its calls first."""
    process = await run.next()
    assert await process.receive() == CONFIGURATION
    run.watched.renew()
    assert await process.receive() == Drain()
    process.exit(0)
    assert await (await run.next()).receive() == CONFIGURATION


async def test_process_that_gives_no_sign_of_life_is_replaced() -> None:
    """A process that has been stopped holds the calls of those who are connected to it."""
    run = Run(Surroundings(unresponsive_seconds=0.05))
    process = await run.next()
    process.send(Serving(model_version="1"))
    assert await process.wait() == -9
    await run.next()
    assert run.watched.replaced == 1
    assert "process stopped responding; replacing it" in run.around.events("error")
    await run.end()
