"""Following an alias: what is tried, what is not tried again, and what is said."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import structlog
from structlog.testing import LogCapture

from housing_server.errors import ModelRejected, RegistryUnavailable, StartError
from housing_server.model_updates import ModelUpdates
from housing_server.service_state import ServiceState
from housing_server.trial import TrialReport

REPORT = TrialReport(golden_requests=50, row_seconds=2e-5, current_row_seconds=1e-5)


class FakeRegistry:
    """A registry that says what a test puts into it."""

    can_change = True
    is_cheap = True

    def __init__(self) -> None:
        self.version: str | StartError = "1-a"
        """What a look finds, or why it cannot look."""
        self.outage: StartError | None = None
        """Why files cannot be fetched."""
        self.fetched: list[str] = []
        self.looks: asyncio.Queue[str] = asyncio.Queue()

    async def look(self) -> str:
        """Tell the version."""
        self.looks.put_nowait("look")
        if isinstance(self.version, StartError):
            raise self.version
        return self.version

    async def fetch(self, *, in_background: bool = False) -> Path:
        """Pretend to fetch it."""
        assert in_background
        assert isinstance(self.version, str)
        self.fetched.append(self.version)
        if self.outage is not None:
            raise self.outage
        return Path("/models") / self.version


class Following:
    """A watch that runs, steered by a test."""

    def __init__(self, state: ServiceState) -> None:
        self.registry = FakeRegistry()
        self.state = state
        self.logs = LogCapture()
        self.adopted: list[tuple[str, str]] = []
        """Candidate and current version of each trial."""
        self.bad: set[str] = set()
        """Versions that fail their trial."""
        self._look_now = asyncio.Event()
        self.updates = ModelUpdates(
            self.registry,
            self._adopt,
            poll_seconds=0,
            state=state,
            log=structlog.wrap_logger(None, processors=[self.logs]),
        )
        self.task = asyncio.create_task(self.updates.follow(Path("/models/1-a"), self._look_now))

    async def look(self, version: str | StartError) -> None:
        """Let the alias point at a version, have it looked at, and wait until all that follows is done."""
        self.registry.version = version
        for _ in range(2):  # the second look begins when the first is dealt with
            self._look_now.set()
            await self.registry.looks.get()

    def outcomes(self) -> list[str]:
        """The results that were logged."""
        return [entry["result"] for entry in self.logs.entries if entry["event"] == "model swap"]

    async def _adopt(self, candidate: Path, current: Path) -> TrialReport:
        self.adopted.append((candidate.name, current.name))
        if candidate.name in self.bad:
            raise ModelRejected("no good")
        return REPORT


@pytest.fixture
async def following(tmp_path: Path) -> AsyncIterator[Following]:
    """A watch on a service that serves version 1."""
    running = Following(ServiceState([], tmp_path))
    yield running
    running.task.cancel()
    await asyncio.wait([running.task])


async def test_what_is_served_is_not_fetched_again(following: Following) -> None:
    """A look that finds nothing new costs nothing more."""
    await following.look("1-a")
    assert following.registry.fetched == []


async def test_new_version_is_tried_beside_the_one_served(following: Following) -> None:
    """Each new version is compared with the one before it."""
    await following.look("2-b")
    await following.look("3-c")
    assert following.adopted == [("2-b", "1-a"), ("3-c", "2-b")]
    assert following.outcomes() == ["accepted", "accepted"]
    assert following.state.swaps == {"accepted": 2, "refused": 0, "failed": 0}


async def test_refused_version_is_not_tried_again_until_the_alias_moves(following: Following) -> None:
    """Nor is the one that is served, when the alias goes back to it."""
    following.bad = {"2-b"}
    for version in ("2-b", "2-b", "1-a", "2-b"):
        await following.look(version)
    assert following.adopted == [("2-b", "1-a"), ("2-b", "1-a")]
    assert following.state.swaps == {"accepted": 0, "refused": 2, "failed": 0}


async def test_version_that_cannot_be_fetched_is_fetched_again(following: Following) -> None:
    """It may be had the next time."""
    following.registry.outage = RegistryUnavailable("store is down")
    await following.look("2-b")
    following.registry.outage = None
    await following.look("2-b")
    assert following.adopted == [("2-b", "1-a")]
    assert following.state.swaps["failed"] >= 1
    assert following.outcomes()[-1] == "accepted"


async def test_outage_is_logged_once_and_counted(following: Following) -> None:
    """One line when it begins, one when it ends."""
    for version in (RegistryUnavailable("down"), RegistryUnavailable("down"), "1-a"):
        await following.look(version)
    assert [entry["log_level"] for entry in following.logs.entries] == ["warning", "info"]
    assert following.state.registry_failures >= 2
