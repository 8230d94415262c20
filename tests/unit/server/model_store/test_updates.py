"""Which version is served: at first, and as the alias moves; what is tried, what is not tried again, what is said."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import get_args

import pytest
import structlog
from structlog.testing import LogCapture

from housing_server.errors import ModelNotAllowed, ModelRejected, RegistryUnavailable, StartError
from housing_server.model_store.trials import TrialReport
from housing_server.model_store.updates import ModelUpdates, SwapResult

MODELS = Path("/models")
REPORT = TrialReport(golden_requests=50, row_seconds=2e-5, current_row_seconds=1e-5)


class FakeRegistry:
    """A registry that says what a test puts into it."""

    can_change = True
    is_cheap = True

    def __init__(self) -> None:
        self.version: str | StartError = "1-a"
        """What a look finds, or why it cannot look."""
        self.not_allowed: set[str] = set()
        """Versions of a kind that may not be loaded."""
        self.outage: StartError | None = None
        """Why files cannot be fetched."""
        self.fetched: list[str] = []
        self.remembered: list[str] = []
        """What was noted as served."""
        self.full_disk = False
        """Whether nothing can be noted."""
        self.looks: asyncio.Queue[str] = asyncio.Queue()

    async def look_up(self) -> str:
        """Return the version."""
        self.looks.put_nowait("look")
        if isinstance(self.version, StartError):
            raise self.version
        return self.version

    async def find(self, *, in_background: bool = False) -> Path:
        """Return the folder; once something is served, as if fetched in the background."""
        if isinstance(self.version, StartError):
            raise self.version
        if self.version in self.not_allowed:
            raise ModelNotAllowed("it is a pickle", self.version)
        if in_background:
            self.fetched.append(self.version)
            if self.outage is not None:
                raise self.outage
        return MODELS / self.version

    async def accepted(self) -> Path | None:
        """Return the folder that was accepted last."""
        return MODELS / self.remembered[-1] if self.remembered else None

    async def accept(self, folder: Path) -> None:
        """Record a folder."""
        if self.full_disk:
            raise OSError("no space left on device")
        self.remembered.append(folder.name)


class Outcomes:
    """An observer that counts."""

    def __init__(self) -> None:
        self.swaps: dict[SwapResult, int] = dict.fromkeys(get_args(SwapResult), 0)
        self.registry_failures = 0

    def swapped(self, result: SwapResult) -> None:
        """Count an outcome."""
        self.swaps[result] += 1

    def registry_failed(self) -> None:
        """Count a failure."""
        self.registry_failures += 1


class Following:
    """A watch that runs, steered by a test."""

    def __init__(self) -> None:
        self.registry = FakeRegistry()
        self.state = Outcomes()
        self.logs = LogCapture()
        self.adopted: list[tuple[str, str]] = []
        """Candidate and current version of each trial that was to lead to a swap."""
        self.attempted: list[tuple[str, str]] = []
        """The same of each that was not."""
        self.bad: set[str] = set()
        """Versions that fail their trial."""
        self._look_now = asyncio.Event()
        self.updates = ModelUpdates(
            self.registry,
            self._attempt,
            self._adopt,
            poll_seconds=0,
            observer=self.state,
            log=structlog.wrap_logger(None, processors=[self.logs]),
        )
        self._task: asyncio.Task[None] | None = None

    def start(self, serving: Path = MODELS / "1-a") -> None:
        """Begin to follow the alias."""
        self._task = asyncio.create_task(self.updates.follow(serving, self._look_now))

    async def stop(self) -> None:
        """Follow it no more."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])

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
        return self._judge(candidate)

    async def _attempt(self, candidate: Path, current: Path) -> TrialReport:
        self.attempted.append((candidate.name, current.name))
        return self._judge(candidate)

    def _judge(self, candidate: Path) -> TrialReport:
        if candidate.name in self.bad:
            raise ModelRejected("no good")
        return REPORT


@pytest.fixture
async def starting() -> AsyncIterator[Following]:
    """A watch on a service that has not chosen yet what to serve."""
    watch = Following()
    yield watch
    await watch.stop()


@pytest.fixture
async def following(starting: Following) -> Following:
    """A watch on a service that serves version 1."""
    starting.start()
    return starting


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


async def test_what_is_served_is_remembered(following: Following) -> None:
    """What the service began with, and each version that was accepted; not one that was refused."""
    following.bad = {"2-b"}
    for version in ("2-b", "3-c"):
        await following.look(version)
    assert following.registry.remembered == ["1-a", "3-c"]


async def test_disk_that_is_full_stops_no_swap(following: Following) -> None:
    """What cannot be noted is logged; the service goes on, with the new version."""
    following.registry.full_disk = True
    await following.look("2-b")
    assert following.outcomes() == ["accepted"]
    assert "no space left on device" in [entry.get("reason") for entry in following.logs.entries]


async def test_a_look_that_fails_in_an_unexpected_way_is_followed_by_another(following: Following) -> None:
    """No exception ends the watch: it is logged, and the next version is found."""
    following.registry.outage = OSError("no file descriptors left")  # type: ignore[assignment]  # nobody expects it
    await following.look("2-b")
    following.registry.outage = None
    await following.look("2-b")
    assert following.adopted == [("2-b", "1-a")]
    errors = {entry["event"] for entry in following.logs.entries if entry["log_level"] == "error"}
    assert errors == {"checking the registry failed; the current model stays in service"}


async def test_first_start_serves_what_is_registered(starting: Following) -> None:
    """With nothing to compare it with there is no trial; the worker that loads it is one."""
    assert await starting.updates.first() == MODELS / "1-a"
    assert starting.attempted == []


async def test_start_with_what_was_served_before_tries_nothing(starting: Following) -> None:
    """The usual start costs no trial."""
    starting.registry.remembered = ["1-a"]
    assert await starting.updates.first() == MODELS / "1-a"
    assert starting.attempted == []


async def test_start_after_the_alias_has_moved_tries_the_new_version(starting: Following) -> None:
    """It is tried beside the one before, as in a swap, and served if it passes."""
    starting.registry.remembered = ["0-z"]
    assert await starting.updates.first() == MODELS / "1-a"
    assert starting.attempted == [("1-a", "0-z")]
    assert starting.state.swaps["accepted"] == 1


async def test_start_with_a_bad_model_serves_the_one_before(starting: Following) -> None:
    """The refusal is counted and logged once; the bad version is not tried again until the alias has moved."""
    starting.registry.remembered, starting.bad = ["0-z"], {"1-a"}
    serving = await starting.updates.first()
    assert serving == MODELS / "0-z"
    starting.start(serving)
    await starting.look("1-a")
    assert starting.state.swaps == {"accepted": 0, "refused": 1, "failed": 0}
    assert [(entry["result"], entry["log_level"]) for entry in starting.logs.entries] == [("refused", "error")]
    await starting.look("2-b")
    assert starting.adopted == [("2-b", "0-z")]


async def test_start_while_the_registry_is_down_serves_the_one_before(starting: Following) -> None:
    """It is counted, a warning says so, and once the registry is back the alias is followed."""
    starting.registry.remembered, starting.registry.version = ["0-z"], RegistryUnavailable("down")
    serving = await starting.updates.first()
    assert serving == MODELS / "0-z"
    assert starting.state.registry_failures == 1
    assert [entry["log_level"] for entry in starting.logs.entries] == ["warning"]
    starting.start(serving)
    await starting.look("1-a")
    assert starting.adopted == [("1-a", "0-z")]


async def test_first_start_needs_the_registry(starting: Following) -> None:
    """With nothing to fall back on, the reason is handed on."""
    starting.registry.version = RegistryUnavailable("down")
    with pytest.raises(RegistryUnavailable, match="down"):
        await starting.updates.first()


async def test_version_of_a_kind_that_is_not_allowed_is_refused_without_a_trial(following: Following) -> None:
    """And not looked at again until the alias has moved."""
    following.registry.not_allowed = {"2-b"}
    for version in ("2-b", "2-b", "3-c"):
        await following.look(version)
    assert following.adopted == [("3-c", "1-a")]
    assert following.state.swaps == {"accepted": 1, "refused": 1, "failed": 0}


async def test_start_with_a_kind_that_is_not_allowed_serves_the_one_before(starting: Following) -> None:
    """Nothing of it is loaded; without one before there is nothing to serve."""
    starting.registry.not_allowed = {"1-a"}
    with pytest.raises(ModelNotAllowed):
        await starting.updates.first()
    starting.registry.remembered = ["0-z"]
    assert await starting.updates.first() == MODELS / "0-z"
    assert starting.attempted == []
    assert starting.state.swaps["refused"] == 1
