"""The canary of the registry: set, changed, ended and withdrawn without a restart."""

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest
import structlog
from google.protobuf import json_format
from structlog.testing import LogCapture

from housing.v1.model_service_pb2 import Model
from housing_server.errors import ModelNotAllowed, ModelRejected, RegistryUnavailable, StartError
from housing_server.model_store.files import DESCRIPTION_FILE
from housing_server.model_store.lookup import WantedCanary
from housing_server.model_store.trials import TrialReport
from housing_server.supervision.canary import ActiveCanary, CanaryKeeper, WithdrawalCause

PASSED = TrialReport(golden_requests=1, row_seconds=1, current_row_seconds=1)


class FakeWorker:
    """A worker that loads whatever it is asked to, unless a test says otherwise."""

    def __init__(self) -> None:
        self.canaries: list[tuple[str, float]] = []
        """What it was asked to load; an empty name for none."""
        self.refusal: str | None = None
        self.meanwhile: Callable[[], object] = lambda: None
        """What happens while it loads."""

    async def set_canary(self, folder: Path, share: float) -> str | None:
        """Load a canary."""
        self.canaries.append((folder.name, share))
        self.meanwhile()
        return self.refusal

    def drop_canary(self) -> None:
        """Drop it."""
        self.canaries.append(("", 0))


class Scene:
    """A keeper with two workers, a registry and a state that a test looks at."""

    def __init__(self, folder: Path) -> None:
        self.canary: ActiveCanary | None = None
        self.withdrawals: list[WithdrawalCause] = []
        self.folder = folder
        self.wanted: WantedCanary | StartError | None = None
        """What the registry has, or why it does not answer."""
        self.unavailable: Exception | None = None
        """Why the files of the canary are not there."""
        self.objection: ModelRejected | None = None
        """Why it fails its trial."""
        self.trials: list[str] = []
        self.ended: list[tuple[str, str]] = []
        self.on_record: list[tuple[str, float, str]] = []
        """Ends of canaries in the audit trail."""
        self.read_only = False
        self.workers = [FakeWorker(), FakeWorker()]
        self.logs = LogCapture()
        log = structlog.wrap_logger(None, processors=[self.logs])
        self.keeper = CanaryKeeper(
            self, self.workers, self._attempt, observer=self, record_end=self._record_end, log=log
        )

    async def look_up(self) -> WantedCanary | None:
        """Return what the registry has."""
        if isinstance(self.wanted, StartError):
            raise self.wanted
        return self.wanted

    async def find(self) -> Path:
        """Return the folder of the canary."""
        if self.unavailable is not None:
            raise self.unavailable
        assert isinstance(self.wanted, WantedCanary)
        folder = self.folder / self.wanted.name
        folder.mkdir(exist_ok=True)
        description = Model(name="homes", version=self.wanted.name.partition("-")[0])
        (folder / DESCRIPTION_FILE).write_text(json_format.MessageToJson(description), "utf-8")
        return folder

    async def end(self, version: str, reason: str) -> None:
        """Record the end, unless the registry is read-only."""
        if self.read_only:
            raise RegistryUnavailable("read-only")
        self.ended.append((version, reason))

    def withdrawn(self, cause: WithdrawalCause) -> None:
        """Record a withdrawal."""
        self.withdrawals.append(cause)

    async def check(self, name: str = "", share: str = "0.1", serving: str = "1-a") -> None:
        """Look at a registry that has this canary, or none."""
        self.wanted = WantedCanary(name, share) if name else None
        await self.keeper.check(self.folder / serving)

    def shown(self) -> tuple[str, float] | None:
        """What the state of the service shows."""
        return (self.canary.version, self.canary.share) if self.canary else None

    def events(self) -> list[str]:
        """What was logged."""
        return [entry["event"] for entry in self.logs.entries]

    def _record_end(self, version: str, share: float, reason: str) -> None:
        self.on_record.append((version, share, reason))

    async def _attempt(self, candidate: Path, _current: Path) -> TrialReport:
        self.trials.append(candidate.name)
        if self.objection is not None:
            raise self.objection
        return PASSED


@pytest.fixture
async def scene(tmp_path: Path) -> Scene:
    """A service without a canary."""
    return Scene(tmp_path)


async def test_canary_is_tried_and_then_loaded_by_every_worker(scene: Scene) -> None:
    """Once: what has not changed is not loaded again."""
    for _ in range(2):
        await scene.check("2-b")
    assert scene.trials == ["2-b"]
    assert [worker.canaries for worker in scene.workers] == [[("2-b", 0.1)]] * 2
    assert scene.shown() == ("2", 0.1)


async def test_share_changes_without_a_new_trial(scene: Scene) -> None:
    """The model is the same."""
    await scene.check("2-b", "0.1")
    await scene.check("2-b", "0.5")
    assert scene.trials == ["2-b"]
    assert scene.shown() == ("2", 0.5)


@pytest.mark.parametrize(
    ("name", "share"),
    [("", ""), ("2-b", "0"), ("2-b", ""), ("2-b", "a lot"), ("2-b", "1.5"), ("2-b", "-1"), ("2-b", "nan")],
)
async def test_canary_ends(scene: Scene, name: str, share: str) -> None:
    """When its alias or its share is gone, or its share is none."""
    await scene.check("2-b")
    await scene.check(name, share)
    assert scene.shown() is None
    assert scene.workers[0].canaries[-1] == ("", 0)
    assert scene.withdrawals == []


async def test_share_that_is_none_is_logged_once(scene: Scene) -> None:
    """Not at every look."""
    for _ in range(3):
        await scene.check("2-b", "10%")
    assert scene.events() == ["the canary's share is no number from 0 to 1; there is no canary"]


async def test_champion_is_no_canary(scene: Scene) -> None:
    """A canary that is promoted ends as one, in the registry as well: a rollback must not bring it back."""
    await scene.check("2-b")
    for _ in range(2):
        await scene.check("2-b", serving="2-b")
        await asyncio.sleep(0)
    assert scene.shown() is None
    assert scene.ended == [("2", "promoted: it is the champion")]
    assert scene.on_record == [("2", 0.1, "promoted: it is the champion")]
    await scene.check("2-b", "0", serving="2-b")
    await asyncio.sleep(0)
    assert len(scene.ended) == 1


async def test_canary_that_fails_its_trial_is_withdrawn(scene: Scene) -> None:
    """No worker loads it, the registry records why, and it is not tried again until its share is set anew."""
    scene.objection = ModelRejected("belies its golden requests")
    for _ in range(2):
        await scene.check("2-b")
        await asyncio.sleep(0)
    assert (scene.trials, scene.withdrawals) == (["2-b"], ["refused"])
    assert scene.ended == [("2", "refused: belies its golden requests")]
    assert scene.on_record == [("2", 0.1, "refused: belies its golden requests")]
    scene.objection = None
    await scene.check("2-b", "0")
    await scene.check("2-b")
    assert scene.shown() == ("2", 0.1)


async def test_canary_of_a_kind_that_is_not_allowed_is_withdrawn(scene: Scene) -> None:
    """Like one that fails its trial."""
    scene.unavailable = ModelNotAllowed("a pickle", "2-b")
    await scene.check("2-b")
    assert scene.withdrawals == ["refused"]


async def test_canary_that_a_worker_cannot_load_is_withdrawn_from_all(scene: Scene) -> None:
    """Those that have loaded it drop it."""
    scene.workers[1].refusal = "no memory"
    await scene.check("2-b")
    assert scene.withdrawals == ["refused"]
    assert all(worker.canaries[-1] == ("", 0) for worker in scene.workers)


async def test_canary_that_fails_at_a_call_is_withdrawn_once(scene: Scene) -> None:
    """Several workers may report it; a report about an earlier canary is ignored."""
    await scene.check("2-b")
    scene.keeper.failed(str(scene.folder / "9-z"), "failed", "an old one")
    for _ in scene.workers:
        scene.keeper.failed(str(scene.folder / "2-b"), "failed", "no\n good")
    await asyncio.sleep(0)
    assert scene.withdrawals == ["failed"]
    assert scene.ended == [("2", "failed: no good")]
    assert scene.on_record == [("2", 0.1, "failed: no good")]
    assert scene.shown() is None


async def test_canary_that_fails_while_it_is_spread_is_loaded_no_further(scene: Scene) -> None:
    """The second worker never loads it."""
    scene.workers[0].meanwhile = lambda: scene.keeper.failed(str(scene.folder / "2-b"), "failed", "no good")
    await scene.check("2-b")
    assert scene.workers[1].canaries == [("", 0)]
    assert scene.withdrawals == ["failed"]


async def test_withdrawal_holds_without_the_registry(scene: Scene) -> None:
    """A registry that records nothing is reported, and still names the canary: it is not set again."""
    scene.read_only = True
    await scene.check("2-b")
    scene.keeper.failed(str(scene.folder / "2-b"), "worker", "worker-0 ended")
    await asyncio.sleep(0)
    await scene.check("2-b")
    assert scene.shown() is None
    assert "the registry does not record that the canary has ended; set its share to 0 there" in scene.events()


async def test_files_that_cannot_be_fetched_are_tried_again(scene: Scene) -> None:
    """That is no fault of the canary's."""
    scene.unavailable = RegistryUnavailable("no route")
    await scene.check("2-b")
    assert (scene.shown(), scene.withdrawals) == (None, [])
    scene.unavailable = None
    await scene.check("2-b")
    assert scene.shown() == ("2", 0.1)


async def test_outage_of_the_registry_changes_nothing(scene: Scene) -> None:
    """The canary goes on, and one line reports it."""
    await scene.check("2-b")
    scene.wanted = RegistryUnavailable("no route")
    for _ in range(2):
        await scene.keeper.check(scene.folder / "1-a")
    assert scene.shown() == ("2", 0.1)
    assert scene.events().count("the canary cannot be looked up; it stays as it is") == 1
