"""The stages of a challenger: in their order, each with its evidence, through refusals and crashes."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from housing_retraining.champions import Champions
from housing_retraining.registry import RegisteredVersion
from housing_retraining.stages.challenge import challenge
from housing_retraining.stages.policy import SwitchedOff
from housing_retraining.stages.promotion import Promotion
from housing_retraining.stages.record import StageRecord
from housing_retraining.stages.stage import StageContext, StageResult
from housing_server.prediction_log.model_changes import ModelChanges
from housing_server.prediction_log.retrainings import Retraining, RetrainingRecords
from housing_server.prediction_log.store import PredictionStore


@pytest.fixture
def store(tmp_path: Path) -> Iterator[PredictionStore]:
    """An empty store."""
    opened = PredictionStore.open(f"sqlite:///{tmp_path}/predictions.db")
    yield opened
    opened.close()


@pytest.fixture
def records(store: PredictionStore) -> RetrainingRecords:
    """Retrainings on record."""
    return RetrainingRecords(store)


@pytest.fixture
def retraining(records: RetrainingRecords) -> Retraining:
    """One that was begun."""
    asked = records.request("manual", reason="because", requested_by="a test")
    records.begin(asked.retraining_id)
    return asked


class Registry:
    """A registry in memory, whose champion is version 1."""

    def __init__(self) -> None:
        self.aliases = {"champion": "1"}

    def named(self, alias: str) -> RegisteredVersion | None:
        """Return the version that an alias names."""
        version = self.aliases.get(alias)
        return None if version is None else RegisteredVersion(version=version, run_id=f"run {version}")

    def point(self, alias: str, version: str) -> None:
        """Point an alias at a version."""
        self.aliases[alias] = version


class Stage:
    """Ends as it shall, or as if killed."""

    def __init__(self, name: str, state: str = "passed") -> None:
        self.name, self._state, self.runs = name, state, 0
        self.began_us: list[int] = []

    def run(self, context: StageContext) -> StageResult:
        """Count, and end."""
        self.runs += 1
        self.began_us.append(context.started_at_us)
        if self._state == "killed":
            raise KeyboardInterrupt
        return StageResult(state=self._state, reason=f"{self.name} {self._state}", figures={"n": 1})  # type: ignore[arg-type]


def context_of(retraining: Retraining, **changes: Any) -> StageContext:
    """Make what stages are about: version 2 beside version 1."""
    values: dict[str, Any] = {
        "retraining_id": retraining.retraining_id,
        "requested_by": "a test",
        "model_name": "model",
        "candidate": RegisteredVersion(version="2", run_id="run 2"),
        "champion": RegisteredVersion(version="1", run_id="run 1"),
        "data_sha256": "ab",
        "work": Path(),
        "started_at_us": 0,
        "check": lambda: None,
        "echo": lambda _: None,
    }
    return StageContext(**values | changes)


def on_record(records: RetrainingRecords) -> list[dict[str, Any]]:
    """Return the stages on record."""
    found: list[dict[str, Any]] = records.newest(1)[0].evidence["stages"]
    return found


def run(records: RetrainingRecords, retraining: Retraining, *stages: Stage, **changes: Any) -> tuple[str, StageResult]:
    """Pass a challenger through stages, from where the record says it is."""
    entries = list(records.newest(1)[0].evidence.get("stages", []))
    time = iter(range(10 + 100 * len(entries), 1_000))
    record = StageRecord(records, retraining.retraining_id, entries, now=lambda: next(time))
    return challenge(stages, context_of(retraining, **changes), record)


def test_stages_run_in_order_and_leave_evidence(records: RetrainingRecords, retraining: Retraining) -> None:
    """Name, state, times, figures and reason of each; other evidence stays."""
    records.add_evidence(retraining.retraining_id, comparison={"rows": 7})
    name, result = run(records, retraining, Stage("gates"), Stage("shadow", "skipped"), Stage("promote"))
    assert (name, result.state) == ("promote", "passed")
    assert on_record(records) == [
        {
            "name": each,
            "state": state,
            "started_at_us": begin,
            "finished_at_us": begin + 1,
            "figures": {"n": 1},
            "reason": f"{each} {state}",
        }
        for each, state, begin in (("gates", "passed", 10), ("shadow", "skipped", 12), ("promote", "passed", 14))
    ]
    found = records.newest(1)[0]
    assert (found.evidence["comparison"], found.stage) == ({"rows": 7}, "promote")


def test_a_refusal_ends_the_challenge(records: RetrainingRecords, retraining: Retraining) -> None:
    """What comes after it does not run."""
    last = Stage("promote")
    name, result = run(records, retraining, Stage("gates"), Stage("shadow", "refused"), last)
    assert (name, result.state, last.runs) == ("shadow", "refused", 0)
    assert [each["state"] for each in on_record(records)] == ["passed", "refused"]


def test_after_a_crash_only_what_has_not_ended_runs(records: RetrainingRecords, retraining: Retraining) -> None:
    """And it goes by the time when it first began."""
    gates, shadow = Stage("gates"), Stage("shadow", "killed")
    with pytest.raises(KeyboardInterrupt):
        run(records, retraining, gates, shadow)
    assert [each["state"] for each in on_record(records)] == ["passed", "running"]
    again = Stage("shadow")
    assert run(records, retraining, gates, again)[1].state == "passed"
    assert (gates.runs, again.began_us) == (1, shadow.began_us)
    assert [each["state"] for each in on_record(records)] == ["passed", "passed"]


def test_nothing_runs_once_there_is_a_verdict(records: RetrainingRecords, retraining: Retraining) -> None:
    """A stage that was running when its retraining was given up has failed."""
    with pytest.raises(KeyboardInterrupt):
        run(records, retraining, Stage("gates"), Stage("shadow", "killed"))
    records.finish(retraining.retraining_id, "failed", "its process ended")
    last = on_record(records)[-1]
    assert (last["state"], last["reason"]) == ("failed", "its process ended")
    assert last["finished_at_us"] == records.newest(1)[0].finished_at_us


def test_what_is_switched_off_is_on_record(records: RetrainingRecords, retraining: Retraining) -> None:
    """As skipped, by the setting."""
    entries: list[dict[str, Any]] = []
    record = StageRecord(records, retraining.retraining_id, entries)
    challenge([SwitchedOff(name="shadow")], context_of(retraining), record)
    assert [(each["state"], each["reason"]) for each in on_record(records)] == [
        ("skipped", "HOUSING_RETRAINING_SHADOW is off")
    ]


def test_promotion_moves_the_alias(store: PredictionStore, records: RetrainingRecords, retraining: Retraining) -> None:
    """With the retraining on record, unless the champion was changed meanwhile."""
    registry, changes = Registry(), ModelChanges(store)
    promotion = Promotion(Champions("model", registry, changes), records)
    assert promotion.run(context_of(retraining)).state == "passed"
    assert registry.aliases["champion"] == "2"
    (change,) = changes.newest("model", 5)
    assert (change.retraining_id, change.changed_by) == (retraining.retraining_id, "retraining, asked for by a test")
    refused = promotion.run(context_of(retraining, candidate=RegisteredVersion(version="3", run_id="run 3")))
    assert refused.state == "refused"
    assert refused.reason.startswith("the champion was changed meanwhile, to version 2")


@pytest.mark.parametrize("version", ["2", "3"])
def test_what_was_rolled_back_is_not_promoted_again(
    store: PredictionStore, records: RetrainingRecords, retraining: Retraining, version: str
) -> None:
    """Neither by its number nor as another version that the same rows have made: no ping-pong."""
    registry = Registry()
    champions = Champions("model", registry, ModelChanges(store))
    records.add(retraining.retraining_id, model_version="2", data_sha256="ab")
    champions.change("promotion", "2", changed_by="a test", reason="better")
    champions.roll_back(changed_by="machine", reason="worse")
    candidate = RegisteredVersion(version=version, run_id="run")
    result = Promotion(champions, records).run(context_of(retraining, candidate=candidate))
    assert result.state == "refused"
    assert result.reason.endswith("was rolled back")
    assert registry.aliases["champion"] == "1"
