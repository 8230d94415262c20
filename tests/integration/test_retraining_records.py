"""Retrainings, the lease and the audit trail in the store, on a SQLite file and on a real PostgreSQL."""

from dataclasses import replace
from typing import Any

import pytest

from housing_server.prediction_log.champion_history import ChampionHistory
from housing_server.prediction_log.model_changes import ModelChange, ModelChanges
from housing_server.prediction_log.retraining_lease import Lease, has_ended, this_process
from housing_server.prediction_log.retrainings import Retraining, RetrainingRecords
from housing_server.prediction_log.store import PredictionStore


class Clock:
    """A time that tests set, in microseconds."""

    def __init__(self) -> None:
        self.us = 1_000_000

    def __call__(self) -> int:
        """Return the time."""
        return self.us


@pytest.fixture
def clock() -> Clock:
    """The time."""
    return Clock()


@pytest.fixture
def records(store: PredictionStore, clock: Clock) -> RetrainingRecords:
    """Retrainings in an empty store."""
    return RetrainingRecords(store, now=clock)


def asked(records: RetrainingRecords, reason: str = "because") -> Retraining:
    """Ask for a retraining."""
    return records.request("new_data", reason=reason, requested_by="a test", figures={"new_rows": 7})


def test_a_retraining_is_on_record_from_request_to_verdict(records: RetrainingRecords, clock: Clock) -> None:
    """All that was written is read again, with the time of each step."""
    request = asked(records)
    assert records.waiting() == [request]

    clock.us = 2_000_000
    records.begin(request.retraining_id)
    records.enter(request.retraining_id, "train")
    records.add(request.retraining_id, evidence={"gates": []}, data_sha256="ab", data_rows=9, new_rows=7)
    clock.us = 3_000_000
    records.finish(request.retraining_id, "refused", "not better")

    assert records.newest(5) == [
        replace(
            request,
            started_at_us=2_000_000,
            finished_at_us=3_000_000,
            stage="done",
            attempts=1,
            verdict="refused",
            verdict_reason="not better",
            data_sha256="ab",
            data_rows=9,
            new_rows=7,
            evidence={"gates": []},
        )
    ]
    assert records.waiting() == records.begun() == []


def test_what_was_begun_and_has_no_verdict_is_found(records: RetrainingRecords, clock: Clock) -> None:
    """After a crash it can be gone on with; when it first began is kept."""
    request = asked(records)
    records.begin(request.retraining_id)
    clock.us = 5_000_000
    records.begin(request.retraining_id)

    (crashed,) = records.begun()
    assert (crashed.attempts, crashed.started_at_us) == (2, 1_000_000)
    assert records.waiting() == []


def test_a_verdict_is_final(records: RetrainingRecords) -> None:
    """A process that comes too late does not write over it."""
    request = asked(records)
    records.finish(request.retraining_id, "failed", "its process ended")
    records.finish(request.retraining_id, "promoted", "better")
    assert records.newest(1)[0].verdict == "failed"


def test_requests_are_taken_in_the_order_in_which_they_came(records: RetrainingRecords, clock: Clock) -> None:
    """The oldest first; of a trigger the newest can be asked for."""
    first = asked(records, "first")
    clock.us += 1
    second = asked(records, "second")
    assert [each.reason for each in records.waiting()] == ["first", "second"]
    assert records.last_of("new_data") == second
    assert records.last_of("schedule") is None
    assert records.newest(1) == [second]
    assert first != second


def test_an_id_may_be_cut_short_while_it_is_clear(records: RetrainingRecords, clock: Clock) -> None:
    """A beginning that two ids share finds neither."""
    first = asked(records)
    clock.us += 1
    asked(records)
    assert records.get(first.retraining_id.upper()) == first
    assert records.get(first.retraining_id[:-1]) == first
    assert records.get("0") is None
    assert records.get("no id") is None


def test_one_process_holds_the_lease(store: PredictionStore) -> None:
    """Another gets it only once it is released; the holder may take it again."""
    one, other = (Lease(store, holder, seconds=60, is_gone=lambda _: False) for holder in ("one", "other"))
    assert one.acquire()
    assert one.acquire()
    assert not other.acquire()
    assert other.holder() == "one"
    one.release()
    assert one.holder() is None
    assert other.acquire()


def test_a_lease_that_is_not_renewed_expires(store: PredictionStore, clock: Clock) -> None:
    """Who has lost it learns so by renewing, and does not take it from the next one by releasing."""
    one, other = (Lease(store, holder, seconds=0, now=clock, is_gone=lambda _: False) for holder in ("one", "other"))
    assert one.acquire()
    clock.us += 1
    assert one.renew()
    assert other.acquire()
    assert not one.renew()
    one.release()
    assert other.renew()


def test_the_lease_of_a_process_that_has_ended_is_free_at_once(store: PredictionStore) -> None:
    """Nobody waits for the end of its time."""
    assert Lease(store, "gone", seconds=3600).acquire()
    other = Lease(store, "other", seconds=3600, is_gone=lambda holder: holder == "gone")
    assert other.holder() is None
    assert other.acquire()


def test_a_process_is_known_by_machine_number_and_start() -> None:
    """One of another machine counts as running; another process of the same number does not count as this one."""
    mine = this_process()
    assert not has_ended(mine)
    assert has_ended(f"{mine.rpartition(':')[0]}:1.00")
    assert has_ended(f"{mine.split(':', maxsplit=1)[0]}:no number:1.00")
    assert not has_ended("another-machine:1:1.00")


def test_changes_of_the_champion_are_on_record(store: PredictionStore, clock: Clock) -> None:
    """Who, when, from, to and why; the newest first, of one model."""
    changes = ModelChanges(store, now=clock)
    first = ModelChange(
        model_name="model", kind="promotion", from_version=None, to_version="1", changed_by="me", reason="first"
    )
    changes.add(first)
    clock.us += 1
    changes.add(replace(first, kind="rollback", from_version="2", reason="worse"))
    changes.add(replace(first, model_name="another"))
    assert changes.newest("model", 5) == [
        replace(first, kind="rollback", from_version="2", reason="worse", changed_at_us=1_000_001),
        replace(first, changed_at_us=1_000_000),
    ]


def test_changes_of_the_canary_are_on_record(store: PredictionStore, clock: Clock) -> None:
    """Beside those of the champion, whose history they do not disturb."""
    changes = ModelChanges(store, now=clock)
    promotion = changes.add(
        ModelChange(
            model_name="model", kind="promotion", from_version="1", to_version="2", changed_by="me", reason="better"
        )
    )
    canary: dict[str, Any] = {"model_name": "model", "changed_by": "me", "reason": "to see"}
    clock.us += 1
    changes.add(ModelChange(kind="canary_start", from_version=None, to_version="3", to_share=0.1, **canary))
    end = ModelChange(kind="canary_end", from_version="3", to_version="", from_share=0.1, **canary)
    clock.us += 1
    assert changes.add_canary_end(end) is not None
    assert changes.add_canary_end(replace(end, changed_by="another server")) is None
    found = [(each.kind, each.from_share, each.to_share) for each in changes.newest("model", 5)]
    assert found == [("canary_end", 0.1, None), ("canary_start", None, 0.1), ("promotion", None, None)]

    history = ChampionHistory("model", changes)
    assert (history.before("2"), history.rolled_back()) == ("1", set())
    clock.us += 1
    back = replace(promotion, kind="rollback", from_version="2", to_version="1")
    assert changes.add_after(promotion, back) is not None
    assert history.rolled_back() == {"2"}
