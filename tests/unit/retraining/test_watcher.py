"""The watcher: what it does when something has come, and when triggers may ask."""

import threading
from collections.abc import Iterator, Sequence
from pathlib import Path

import pandas as pd
import pytest
import structlog
from structlog.testing import capture_logs

from housing_retraining.data_versions.row_table import TABLE, RowTable
from housing_retraining.intake.folders import IncomingFolder
from housing_retraining.rollback.evidence import Worse, look_at
from housing_retraining.rollback.guard import Seen
from housing_retraining.triggers.new_data import NewData
from housing_retraining.triggers.trigger import Fired, ask
from housing_retraining.watch.changes import changes
from housing_retraining.watch.watcher import Watcher
from housing_server.errors import PredictionLogUnavailable
from housing_server.prediction_log.model_changes import ModelChange
from housing_server.prediction_log.retraining_lease import Lease
from housing_server.prediction_log.retrainings import RetrainingRecords, Trigger
from housing_server.prediction_log.store import PredictionStore


@pytest.fixture
def store(tmp_path: Path) -> Iterator[PredictionStore]:
    """An empty store."""
    opened = PredictionStore.open(f"sqlite:///{tmp_path}/predictions.db")
    yield opened
    opened.close()


@pytest.fixture
def records(store: PredictionStore) -> RetrainingRecords:
    """No retrainings yet."""
    return RetrainingRecords(store)


class Children:
    """Records what it was asked to do."""

    def __init__(self, records: RetrainingRecords) -> None:
        self._records = records
        self.done: list[str] = []

    def take(self, files: Sequence[Path]) -> None:
        """Record the files."""
        for path in files:
            self.done.append(f"take {path.name}")
            path.unlink()

    def retrain(self) -> None:
        """Finish the waiting retrainings."""
        for each in self._records.waiting():
            self.done.append(f"retrain for {each.reason}")
            self._records.finish(each.retraining_id, "refused", "a fake")

    def guard(self) -> bool:
        """Record the call, which fails the first time."""
        self.done.append("guard")
        return self.done.count("guard") > 1


class Promotions:
    """Returns prepared findings about promotions."""

    def __init__(self, *seen: Seen | None) -> None:
        self._seen = list(seen)

    def look(self) -> Seen | None:
        """Return the next finding."""
        return self._seen.pop(0)


class Always:
    """A trigger that always fires."""

    kind: Trigger = "degradation"
    cooldown_seconds = 3600.0

    def look(self) -> Fired | None:
        """Fire."""
        return Fired(reason="worse answers", figures={"factor": 2.0})


@pytest.fixture
def children(records: RetrainingRecords) -> Children:
    """Children that only record calls."""
    return Children(records)


@pytest.fixture
def clock() -> list[float]:
    """The watcher's time, in seconds."""
    return [0.0]


@pytest.fixture
def watcher(
    tmp_path: Path, store: PredictionStore, records: RetrainingRecords, children: Children, clock: list[float]
) -> Watcher:
    """A watcher of an empty folder, with a trigger that always fires."""
    (tmp_path / "incoming").mkdir()
    return Watcher(
        incoming=IncomingFolder(tmp_path / "incoming", settle_seconds=0),
        triggers=[Always()],
        records=records,
        lease=Lease(store, "this one", seconds=60),
        children=children,
        table="here",
        log=structlog.get_logger(),
        trigger_seconds=30,
        clock=lambda: clock[0],
    )


def test_trigger_that_fires_starts_one_retraining(watcher: Watcher, children: Children, clock: list[float]) -> None:
    """With its reason and figures on record; during its cool-down files are still read."""
    with capture_logs():
        watcher.look()
        clock[0] = 31.0
        watcher.look()
    assert children.done == ["retrain for worse answers"]


def test_files_are_read_before_triggers_are_checked(watcher: Watcher, children: Children, tmp_path: Path) -> None:
    """Their rows may make one fire."""
    (tmp_path / "incoming/new.csv").write_text("1")
    with capture_logs():
        watcher.look()
    assert children.done == ["take new.csv", "retrain for worse answers"]


def test_watcher_without_the_lease_requests_nothing(
    watcher: Watcher, children: Children, records: RetrainingRecords, store: PredictionStore
) -> None:
    """Another watcher or a retraining holds it: two watchers start one retraining."""
    assert Lease(store, "the other", seconds=60).acquire()
    watcher.look()
    assert children.done == []
    assert records.newest(1) == []


def test_request_of_another_machine_is_left_to_it(
    watcher: Watcher, children: Children, records: RetrainingRecords
) -> None:
    """A machine without the new rows cannot train on them."""
    watcher.triggers = []
    records.request("new_data", reason="rows", requested_by="another", figures={TABLE: "there"})
    watcher.look()
    assert children.done == []


def seen_after(change_id: str, outcomes: int, *, worse: bool = True) -> Seen:
    """Return a finding about a promotion with this number of outcomes."""
    change = ModelChange(
        model_name="model",
        kind="promotion",
        from_version="1",
        to_version="2",
        changed_by="a test",
        reason="",
        change_id=change_id,
    )
    found = Worse(reason="worse", figures={}) if worse else None
    return Seen(change=change, look=look_at(outcomes, 100, 0.95), worse=found)


def test_promotion_is_judged_once_for_each_finding(watcher: Watcher, children: Children, clock: list[float]) -> None:
    """Again if the child process failed, with more outcomes, and after another promotion."""
    watcher.triggers = []
    shown = [None, (100, "a"), (120, "a"), (149, "a"), (150, "a"), (150, "b")]
    watcher.guard = Promotions(*(None if each is None else seen_after(each[1], each[0], worse=False) for each in shown))
    counts = []
    for time, _ in enumerate(shown):
        clock[0] = 31.0 * time
        watcher.look()
        counts.append(len(children.done))
    assert counts == [0, 1, 2, 2, 3, 4]


class StoreDown(Lease):
    """A lease in a store that is down."""

    def acquire(self) -> bool:
        """Fail."""
        raise PredictionLogUnavailable("it is down")


def test_unavailable_store_is_logged(watcher: Watcher, children: Children, store: PredictionStore) -> None:
    """The watcher tries again later."""
    watcher.lease = StoreDown(store, "this one", seconds=60)
    with capture_logs() as logs:
        watcher.look()
    assert [each["event"] for each in logs] == ["the store of the prediction log does not answer"]
    assert children.done == []


def test_trigger_waits_for_cooldown_and_its_own_retraining(store: PredictionStore) -> None:
    """Measured from its last request, whatever the verdict."""
    now = [10_000_000_000]
    clocked = RetrainingRecords(store, now=lambda: now[0])
    (first,) = ask([Always()], clocked, lambda: now[0])
    assert (first.trigger, first.trigger_figures) == ("degradation", {"factor": 2.0})
    now[0] += 3600 * 1_000_000
    assert ask([Always()], clocked, lambda: now[0]) == []  # it has no verdict yet
    clocked.finish(first.retraining_id, "refused", "a fake")
    assert ask([Always()], clocked, lambda: now[0] - 1) == []
    assert len(ask([Always()], clocked, lambda: now[0])) == 1


def test_enough_new_rows_fire(tmp_path: Path, block_groups: pd.DataFrame) -> None:
    """From the configured number on; rows of earlier retrainings do not count."""
    rows = RowTable(tmp_path / "rows.db")
    trigger = NewData(rows, new_rows=3, cooldown_seconds=0)
    cells = block_groups.astype(object).where(block_groups.notna(), None).to_dict("records")
    for name, count in (("a.csv", 2), ("b.csv", 4)):
        assert trigger.look() is None
        with rows.arriving(name) as arrivals:
            for row in cells[:count]:
                arrivals.add({str(column): cell for column, cell in row.items()})
    fired = trigger.look()
    assert fired is not None
    assert fired.reason == "4 new rows from 2 files, at least 3 are required"
    assert fired.figures == {"new_rows": 4, "files": {"a.csv": 2, "b.csv": 2}, TABLE: rows.identity()}
    rows.settle("tried", up_to=4)
    assert trigger.look() is None


def test_folder_that_cannot_be_watched_is_polled(tmp_path: Path) -> None:
    """After each pause, until stopped."""
    stop, looks = threading.Event(), 0
    for _ in changes(tmp_path / "none", seconds=0.001, stop=stop):
        looks += 1
        if looks == 3:
            stop.set()
    assert looks == 3


def test_change_in_a_folder_is_reported(tmp_path: Path) -> None:
    """Long before the pause ends."""
    stop, looks = threading.Event(), 0
    for _ in changes(tmp_path, seconds=600, stop=stop):
        looks += 1
        if looks == 2:
            break
        threading.Timer(0.2, (tmp_path / "new.csv").write_text, ("1",)).start()
    assert looks == 2
