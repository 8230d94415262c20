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
    """A retraining that was begun."""
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
    """Ends as configured, or as if killed."""

    def __init__(self, name: str, state: str = "passed") -> None:
        self.name, self._state, self.runs = name, state, 0
        self.began_us: list[int] = []

    def run(self, context: StageContext) -> StageResult:
        """Count the run, and end."""
        self.runs += 1
        self.began_us.append(context.started_at_us)
        if self._state == "killed":
            raise KeyboardInterrupt
        return StageResult(state=self._state, reason=f"{self.name} {self._state}", figures={"n": 1})  # type: ignore[arg-type]


def context_of(retraining: Retraining, **changes: Any) -> StageContext:
    """Return the context of stages: version 2 beside version 1."""
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
    """Run stages from where the record ends."""
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


def test_refusal_skips_later_stages(records: RetrainingRecords, retraining: Retraining) -> None:
    """No stage runs after it."""
    last = Stage("promote")
    name, result = run(records, retraining, Stage("gates"), Stage("shadow", "refused"), last)
    assert (name, result.state, last.runs) == ("shadow", "refused", 0)
    assert [each["state"] for each in on_record(records)] == ["passed", "refused"]


def test_completed_stages_do_not_run_again_after_a_crash(records: RetrainingRecords, retraining: Retraining) -> None:
    """A stage that was interrupted keeps the time when it first began."""
    gates, shadow = Stage("gates"), Stage("shadow", "killed")
    with pytest.raises(KeyboardInterrupt):
        run(records, retraining, gates, shadow)
    assert [each["state"] for each in on_record(records)] == ["passed", "running"]
    again = Stage("shadow")
    assert run(records, retraining, gates, again)[1].state == "passed"
    assert (gates.runs, again.began_us) == (1, shadow.began_us)
    assert [each["state"] for each in on_record(records)] == ["passed", "passed"]


def test_no_stage_runs_after_the_verdict(records: RetrainingRecords, retraining: Retraining) -> None:
    """A stage that was running when its retraining failed has failed as well."""
    with pytest.raises(KeyboardInterrupt):
        run(records, retraining, Stage("gates"), Stage("shadow", "killed"))
    records.finish(retraining.retraining_id, "failed", "its process ended")
    last = on_record(records)[-1]
    assert (last["state"], last["reason"]) == ("failed", "its process ended")
    assert last["finished_at_us"] == records.newest(1)[0].finished_at_us


def test_disabled_stages_are_recorded_as_skipped(records: RetrainingRecords, retraining: Retraining) -> None:
    """The reason names the setting."""
    entries: list[dict[str, Any]] = []
    record = StageRecord(records, retraining.retraining_id, entries)
    challenge([SwitchedOff(name="shadow")], context_of(retraining), record)
    assert [(each["state"], each["reason"]) for each in on_record(records)] == [
        ("skipped", "HOUSING_RETRAINING_SHADOW is off")
    ]


def test_promotion_moves_the_alias(store: PredictionStore, records: RetrainingRecords, retraining: Retraining) -> None:
    """With the id of the retraining on record, unless the champion has changed meanwhile."""
    registry, changes = Registry(), ModelChanges(store)
    promotion = Promotion(Champions("model", registry, changes), records)
    assert promotion.run(context_of(retraining)).state == "passed"
    assert registry.aliases["champion"] == "2"
    (change,) = changes.newest("model", 5)
    assert (change.retraining_id, change.changed_by) == (retraining.retraining_id, "retraining, requested by a test")
    refused = promotion.run(context_of(retraining, candidate=RegisteredVersion(version="3", run_id="run 3")))
    assert refused.state == "refused"
    assert refused.reason.startswith("the champion was changed meanwhile, to version 2")


@pytest.mark.parametrize("version", ["2", "3"])
def test_rolled_back_version_is_not_promoted_again(
    store: PredictionStore, records: RetrainingRecords, retraining: Retraining, version: str
) -> None:
    """Neither the version itself nor another one trained on the same rows."""
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
