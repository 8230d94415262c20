"""Queries for retrainings, watchers and versions that may be promoted, on a SQLite file and on a real PostgreSQL."""

import threading
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pytest

from housing.v1 import retraining_service_pb2 as pb
from housing_server.errors import (
    ChampionChanged,
    InvalidRequest,
    ModelPinned,
    ModelRegistryUnavailable,
    ModelVersionNotFound,
    ModelVersionRefused,
    NoEarlierChampion,
    RetrainingNotFound,
    TooManyRetrainings,
)
from housing_server.model_store.uri import ModelUri
from housing_server.model_versions.changing import ChampionChanger, Wish
from housing_server.model_versions.version import RegisteredVersion
from housing_server.prediction_log.champion_lease import ChampionLease
from housing_server.prediction_log.model_changes import ModelChanges
from housing_server.prediction_log.retraining_endpoints import MAX_WAITING, start_retraining
from housing_server.prediction_log.retraining_lease import CHAMPION, Lease
from housing_server.prediction_log.retraining_listing import get_retraining, list_retrainings, retraining_status
from housing_server.prediction_log.retrainings import RetrainingRecords, Verdict
from housing_server.prediction_log.store import PredictionStore
from housing_server.prediction_log.tables import Position
from housing_server.prediction_log.watchers import Watchers

DIFFERENCE = {"rmse": -1_000.0, "low": -1_500.0, "high": -500.0}
QUALITY = {"rmse": 40_000.0, "mae": 25_000.0, "coverage": 0.9, "promised": 0.9}
SLICE = {"by": "rows", "name": "new", "rows": 9, "candidate_rmse": 1.0, "champion_rmse": 2.0, "difference": DIFFERENCE}
COMPARISON = {
    "rows": 100,
    "new_rows": 10,
    "areas": 1,
    "candidate": QUALITY,
    "champion": QUALITY | {"coverage": None},
    "random": DIFFERENCE,
    "by_area": {"rmse": -1_000.0, "low": float("-inf"), "high": float("inf")},
    "slices": [SLICE],
}
STAGE = {"name": "shadow", "state": "passed", "started_at_us": 1, "finished_at_us": 2, "reason": "alike"}
WISH = Wish(changed_by="a test", reason="because")


@pytest.fixture
def records(store: PredictionStore) -> RetrainingRecords:
    """Two retrainings with a verdict, and one that waits."""
    clock = iter(range(1_000_000, 2_000_000, 1_000))
    found = RetrainingRecords(store, now=lambda: next(clock))
    figures = {"new_rows": 7, "files": {"a.csv": 7}, "table": "here", "drift": {"median_income": 0.6}}
    verdicts: tuple[tuple[Verdict, str], ...] = (("refused", "8"), ("promoted", "9"))
    for verdict, version in verdicts:
        one = found.request("new_data", reason="new rows", requested_by="the trigger", figures=figures)
        found.begin(one.retraining_id)
        found.add(one.retraining_id, model_version=version, evidence={"comparison": COMPARISON})
        figures_of_stage = {"rows": 9, "named": "x", "passed": True}
        found.add_evidence(one.retraining_id, stages=[STAGE | {"figures": figures_of_stage}])
        found.finish(one.retraining_id, verdict, "it is so")
    found.request("manual", reason="why not", requested_by="somebody")
    return found


def listed(store: PredictionStore, **filters: Any) -> list[str]:
    """Return the candidates' versions of a listing."""
    page = list_retrainings(store, pb.ListRetrainingsRequest(**filters))
    return [each.model_version for each in page.retrainings]


@pytest.mark.usefixtures("records")
def test_filters_are_combined(store: PredictionStore) -> None:
    """By trigger, verdict, state, candidate and time."""
    assert listed(store) == ["", "9", "8"]
    assert listed(store, trigger=pb.RETRAINING_TRIGGER_NEW_DATA) == ["9", "8"]
    assert listed(store, verdict=pb.RETRAINING_VERDICT_REFUSED) == ["8"]
    assert listed(store, finished=False) == [""]
    assert listed(store, model_version="9", verdict=pb.RETRAINING_VERDICT_REFUSED) == []
    request = pb.ListRetrainingsRequest()
    request.end_time.FromMicroseconds(1_000_000 + 1)
    assert [each.model_version for each in list_retrainings(store, request).retrainings] == ["8"]


@pytest.mark.usefixtures("records")
def test_pages_cover_everything_once(store: PredictionStore) -> None:
    """A token is good for the filters that it was issued for."""
    request, found = pb.ListRetrainingsRequest(page_size=1), []
    while True:
        page = list_retrainings(store, request)
        found += [each.model_version for each in page.retrainings]
        if not page.next_page_token:
            break
        request.page_token = page.next_page_token
    assert found == ["", "9", "8"]
    request.finished = True
    with pytest.raises(InvalidRequest):
        list_retrainings(store, request)


def test_evidence_is_typed(store: PredictionStore, records: RetrainingRecords) -> None:
    """Numbers of the trigger by name, both models, the ends of intervals that there are, and what stages measured."""
    found = get_retraining(store, records.newest(2)[1].retraining_id).retraining
    assert dict(found.trigger_figures) == {"new_rows": 7, "drift.median_income": 0.6}
    assert list(found.files) == ["a.csv"]
    assert found.comparison.candidate.interval_coverage == 0.9
    assert not found.comparison.champion.HasField("interval_coverage")
    assert (found.comparison.random.low, found.comparison.by_area.HasField("low")) == (-1_500, False)
    assert [each.name for each in found.comparison.slices] == ["new"]
    (stage,) = found.stages
    assert (stage.state, dict(stage.figures)) == (pb.STAGE_STATE_PASSED, {"rows": 9})
    assert not list_retrainings(store, pb.ListRetrainingsRequest()).retrainings[1].comparison.slices
    with pytest.raises(RetrainingNotFound):
        get_retraining(store, "019caefa-2400-7000-8000-000000000000")


@pytest.mark.usefixtures("records")
def test_status_counts_what_there_is(store: PredictionStore) -> None:
    """What waits, what came of the others, who watches, and changes of this model alone."""
    Watchers(store).report("here", process="a:1:2", pending_rows=3)
    Watchers(store).report("here", process="a:3:4", pending_rows=5, problem="no disk")
    Watchers(store, now=lambda: 1).report("there", process="b:1:2", pending_rows=9)
    status = retraining_status(store, "model")
    assert (status.waiting, status.HasField("running"), status.lease_held) == (1, False, False)
    assert {(each.verdict, each.count) for each in status.finished} == {
        (pb.RETRAINING_VERDICT_REFUSED, 1),
        (pb.RETRAINING_VERDICT_PROMOTED, 1),
    }
    assert status.last_compared.model_version == status.last_finished.model_version == "9"
    (watcher,) = status.watchers
    assert (watcher.process, watcher.pending_rows, watcher.alive, watcher.problem) == ("a:3:4", 5, True, "no disk")


def test_waiting_requests_are_bounded(store: PredictionStore) -> None:
    """A caller in a loop fills neither the store nor the days to come; a repeated one is no other."""
    for _ in range(MAX_WAITING):
        started = start_retraining(store, pb.StartRetrainingRequest(reason="a"), "somebody").retraining
    with pytest.raises(TooManyRetrainings):
        start_retraining(store, pb.StartRetrainingRequest(reason="a"), "somebody")
    again = pb.StartRetrainingRequest(reason="a", retraining_id=started.retraining_id.upper())
    assert start_retraining(store, again, "somebody").retraining == started


class Registry:
    """A registry in memory, with versions 1 to 9."""

    def __init__(self) -> None:
        self.named = {"champion": "1"}
        self.fails = False
        self.before_point: Callable[[], None] = lambda: None

    def versions(self, name: str, count: int) -> Sequence[RegisteredVersion]:  # noqa: ARG002 - the interface
        """List nothing."""
        return ()

    def aliases(self, name: str) -> Mapping[str, str]:  # noqa: ARG002 - the interface
        """Return the aliases."""
        return self.named

    def exists(self, name: str, version: str) -> bool:  # noqa: ARG002 - the interface
        """Return whether a version is one of nine."""
        return version in "123456789"

    def point(self, name: str, alias: str, version: str) -> None:  # noqa: ARG002 - the interface
        """Move an alias, or fail."""
        self.before_point()
        if self.fails:
            raise ModelRegistryUnavailable("it is down")
        self.named[alias] = version


@pytest.fixture
def registry() -> Registry:
    """A registry whose champion is version 1."""
    return Registry()


@pytest.fixture
def changer(store: PredictionStore, registry: Registry) -> ChampionChanger:
    """What changes its champion."""
    return ChampionChanger(ModelUri.parse("models:/model@champion"), lambda: registry, store)


def test_promotion_is_on_record_before_it_is_made(
    store: PredictionStore, registry: Registry, changer: ChampionChanger
) -> None:
    """One that cannot be made is on record with the reason, and never counts as a champion that there was."""
    on_record: list[int] = []
    registry.before_point = lambda: on_record.append(len(ModelChanges(store).newest("model", 9)))
    assert changer.promote("2", WISH, force=False) is not None
    assert on_record == [1]
    assert changer.promote("2", WISH, force=False) is None
    registry.fails = True
    with pytest.raises(ModelRegistryUnavailable):
        changer.promote("3", WISH, force=False)
    with pytest.raises(ModelRegistryUnavailable):
        changer.roll_back(WISH)
    registry.fails = False
    failed = ModelChanges(store).newest("model", 2)
    assert [each.failure for each in failed] == ["it is down"] * 2
    assert changer.promote("2", WISH, force=False) is None, "what was not rolled back needs no force"
    assert changer.roll_back(WISH).to_version == "1"
    assert ModelChanges(store).counts("model").keys() == {"promotion", "rollback"}


@pytest.mark.usefixtures("records")
def test_version_that_something_speaks_against_needs_force(registry: Registry, changer: ChampionChanger) -> None:
    """One that a retraining refused, and one that was rolled back."""
    with pytest.raises(ModelVersionRefused, match="it is so"):
        changer.promote("8", WISH, force=False)
    assert changer.promote("8", WISH, force=True) is not None
    changer.roll_back(WISH)
    with pytest.raises(ModelVersionRefused, match="rolled back"):
        changer.promote("8", WISH, force=False)
    with pytest.raises(ModelVersionNotFound):
        changer.promote("10", WISH, force=True)
    assert registry.named["champion"] == "1"


def test_change_depends_on_the_champion_that_is_expected(registry: Registry, changer: ChampionChanger) -> None:
    """Whatever has moved the alias meanwhile; and there must be one to go back to."""
    changer.promote("2", WISH, force=False)
    registry.named["champion"] = "5"
    expecting = Wish(changed_by="a test", reason="because", champion_version="2")
    with pytest.raises(ChampionChanged):
        changer.roll_back(expecting)
    with pytest.raises(ChampionChanged):
        changer.promote("3", expecting, force=False)
    with pytest.raises(NoEarlierChampion):
        changer.roll_back(WISH)


def test_one_process_changes_the_champion_at_a_time(store: PredictionStore, registry: Registry) -> None:
    """Another one waits for it, and gives up after a while."""
    other = Lease(store, "elsewhere:1:2.00", seconds=60, row=CHAMPION)
    assert other.acquire()
    clock = iter([0.0, 99.0])
    model, lease = ModelUri.parse("models:/model@champion"), ChampionLease(store, clock=lambda: next(clock))
    impatient = ChampionChanger(model, lambda: registry, store, lease=lease)
    with pytest.raises(ModelRegistryUnavailable):
        impatient.promote("2", WISH, force=False)
    patient = ChampionChanger(model, lambda: registry, store, lease=ChampionLease(store, clock=lambda: 0.0))
    threading.Timer(0.1, other.release).start()
    assert patient.promote("2", WISH, force=False) is not None


def test_version_that_is_configured_by_number_is_not_changed(store: PredictionStore, registry: Registry) -> None:
    """The service follows no alias then."""
    pinned = ChampionChanger(ModelUri.parse("models:/model/1"), lambda: registry, store)
    with pytest.raises(ModelPinned):
        pinned.promote("2", WISH, force=False)


def test_changes_are_read_page_by_page(store: PredictionStore, changer: ChampionChanger) -> None:
    """The newest first."""
    for version in "234":
        changer.promote(version, WISH, force=False)
    first = ModelChanges(store).newest("model", 2)
    assert [each.to_version for each in first] == ["4", "3"]
    last = Position(first[-1].changed_at_us, first[-1].change_id)
    assert [each.to_version for each in ModelChanges(store).newest("model", 2, before=last)] == ["2"]
