"""The canary of a challenger: what is set in the registry and on record, what ends it, and what it is judged by."""

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from housing_client import HousingError, LoggedPrediction, UnavailableError
from housing_client.prediction_log import Outcome
from housing_retraining.canaries import Author, Canaries
from housing_retraining.errors import LeaseLost, RegistryFailed
from housing_retraining.registry import RegisteredVersion
from housing_retraining.stages.canary import Canary, Pace
from housing_retraining.stages.canary_evidence import CanaryPolicy
from housing_retraining.stages.stage import StageContext, StageResult
from housing_server.errors import PredictionLogUnavailable
from housing_server.prediction_log.model_changes import ModelChange

START_US = 1_767_225_600_000_000
WHEN = datetime(2026, 1, 1, tzinfo=UTC)


class FakeRegistry:
    """A registry that a test looks into."""

    def __init__(self) -> None:
        self.aliases: dict[str, str] = {}
        self.tags: dict[str, str] = {"canary_ended": "of another time"}
        self.fails = False

    def named(self, alias: str) -> RegisteredVersion | None:
        """Return the version that an alias names."""
        version = self.aliases.get(alias)
        return None if version is None else RegisteredVersion(version=version, run_id="b")

    def point(self, alias: str, version: str) -> None:
        """Point an alias at a version, unless the registry fails."""
        if self.fails:
            raise RegistryFailed("read-only")
        self.aliases[alias] = version

    def drop_alias(self, alias: str) -> None:
        """Remove an alias."""
        self.aliases.pop(alias, None)

    def tag_version(self, version: str, name: str, value: str) -> None:
        """Set a tag."""
        assert version == "2"
        self.tags[name] = value

    def version_tags(self, version: str) -> dict[str, str]:
        """Return all tags."""
        assert version == "2"
        return dict(self.tags)


class FakeTrail:
    """An audit trail that a test looks into."""

    def __init__(self) -> None:
        self.on_record: list[ModelChange] = []
        self.failures: list[str] = []
        self.down = False

    def add(self, change: ModelChange) -> ModelChange:
        """Record a change."""
        self.on_record.append(change)
        return change

    def add_canary_end(self, change: ModelChange) -> ModelChange | None:
        """Record an end, or fail."""
        if self.down:
            raise PredictionLogUnavailable("down")
        return self.add(change)

    def fail(self, change: ModelChange, failure: str) -> None:
        """Record a failure."""
        assert change == self.on_record[-1]
        self.failures.append(failure)


def answer(error: float | None = None, *, latency: float = 0.001) -> LoggedPrediction:
    """Return an answer with this error in USD; None for one without an outcome."""
    outcome = None if error is None else Outcome(median_house_value=2e5 - error, recorded_at=WHEN, revised_at=None)
    return LoggedPrediction(
        prediction_id="id",
        predicted_at=WHEN,
        method="Predict",
        model_name="homes",
        model_version="2",
        block_group={},
        median_house_value=2e5,
        interval=None,
        warnings=(),
        latency_seconds=latency,
        peer="",
        request_id="",
        trace_id="",
        outcome=outcome,
    )


def errors(count: int, size: float) -> list[LoggedPrediction]:
    """Return answers with errors of about this size, in USD."""
    return [answer(size * (0.5 + (number % 11) / 10)) for number in range(count)]


class Service:
    """A service that answers more rows at each look, in a time that passes between them."""

    def __init__(self) -> None:
        self.registry, self.trail = FakeRegistry(), FakeTrail()
        self.canaries = Canaries("homes", self.registry, self.trail)  # type: ignore[arg-type]  # only what it calls
        self.us = START_US
        self.per_look: Sequence[LoggedPrediction] = [answer()] * 20
        """The canary's answers of each look."""
        self.champion: Sequence[LoggedPrediction] = [answer()] * 500
        self.down: HousingError | None = None
        self.looks = 0
        self.seen_share: set[tuple[str | None, str | None]] = set()
        """Alias and share while it is looked at."""

    def look(self, version: str, since_us: int, limit: int) -> Sequence[LoggedPrediction]:
        """Return the answers so far."""
        assert since_us == START_US
        self.seen_share.add((self.registry.aliases.get("canary"), self.registry.tags.get("canary_share")))
        if self.down is not None:
            raise self.down
        if version == "1":
            return self.champion[:limit]
        self.looks += 1
        return (list(self.per_look) * self.looks)[:limit]

    def wait(self, seconds: float) -> None:
        """Advance the time."""
        self.us += round(seconds * 1e6)

    def run(self, **changes: Any) -> StageResult:
        """Run the stage beside version 1."""
        values: dict[str, Any] = {"share": 0.1, "seconds": 60, "rows": 100, "minimum_rows": 40, "latency_ratio": 2}
        policy = CanaryPolicy(**values | {"confidence": 0.95} | changes)
        stage = Canary(self.canaries, self.look, policy, pace=Pace(now_us=lambda: self.us, wait=self.wait))
        return stage.run(self.context())

    def context(self, **changes: Any) -> StageContext:
        """Return what the stage is about."""
        values: dict[str, Any] = {
            "retraining_id": "r",
            "requested_by": "a test",
            "model_name": "homes",
            "candidate": RegisteredVersion(version="2", run_id="b"),
            "champion": RegisteredVersion(version="1", run_id="a"),
            "data_sha256": "",
            "work": Path(),
            "started_at_us": START_US,
            "check": lambda: None,
            "echo": lambda _: None,
        }
        return StageContext(**values | changes)

    def ended(self) -> bool:
        """Return whether the challenger answers no more calls."""
        return "canary" not in self.registry.aliases and self.registry.tags["canary_share"] == "0"


def test_challenger_answers_its_share_and_passes() -> None:
    """After enough rows; its share ends with the stage, and figures and audit trail are on record."""
    service = Service()
    result = service.run()
    assert (result.state, service.looks) == ("passed", 5)
    assert service.seen_share == {("2", "0.1")}
    assert service.ended()
    assert service.registry.tags["canary_ended"].startswith("passed: it answered 100 rows")
    assert result.figures["canary_rows"] == result.figures["champion_rows"] == 100
    assert result.figures["canary_median_latency_seconds"] == 0.001
    began, ended = service.trail.on_record[0], service.trail.on_record[-1]
    assert len(service.trail.on_record) == 2
    assert (began.kind, began.from_version, began.to_version, began.to_share) == ("canary_start", None, "2", 0.1)
    assert (ended.kind, ended.from_version, ended.to_version, ended.from_share) == ("canary_end", "2", "", 0.1)
    assert {(each.retraining_id, each.changed_by) for each in (began, ended)} == {
        ("r", "retraining, requested by a test")
    }
    assert ended.reason == f"passed: {result.reason}"


def test_canary_that_the_service_has_ended_is_refused() -> None:
    """With the reason that the service put on record, which stays there."""
    service = Service()

    def fail(_: float) -> None:
        service.registry.tags |= {"canary_share": "0", "canary_ended": "failed: no answer"}

    stage = Canary(
        service.canaries,
        service.look,
        CanaryPolicy(share=0.1, seconds=60, rows=100, minimum_rows=40, latency_ratio=2, confidence=0.95),
        pace=Pace(now_us=lambda: service.us, wait=fail),
    )
    result = stage.run(service.context())
    assert result == StageResult(
        state="refused", reason="the service has ended it, failed: no answer", figures=result.figures
    )
    assert service.registry.tags["canary_ended"] == "failed: no answer"
    assert service.ended()


def test_slow_canary_is_refused_before_its_time() -> None:
    """As soon as enough rows show it."""
    service = Service()
    service.per_look = [answer(latency=0.005)] * 20
    result = service.run()
    assert (result.state, result.reason, service.looks) == ("refused", "it takes 5.0 times as long as the champion", 3)
    assert service.ended()
    assert Service.run(service, latency_ratio=0).state == "passed"


def test_canary_with_worse_live_errors_is_refused() -> None:
    """Beyond chance; similar errors pass, and too few are not judged."""
    service = Service()
    service.champion = errors(500, 30_000)
    service.per_look = errors(20, 60_000)
    result = service.run()
    assert result.state == "refused"
    assert "beyond chance" in result.reason
    service = Service()
    service.champion = errors(500, 30_000)
    service.per_look = errors(20, 30_500)
    assert service.run().state == "passed"
    service = Service()
    service.champion = errors(20, 30_000)
    service.per_look = errors(20, 90_000)
    assert service.run().state == "passed"


def test_canary_without_traffic_is_skipped() -> None:
    """Once its time is over; likewise when the service never answers."""
    service = Service()
    service.per_look = []
    result = service.run()
    assert (result.state, result.reason) == ("skipped", "it answered only 0 rows, at least 40 are required")
    assert service.us >= START_US + 60_000_000
    service.down = UnavailableError("down")
    assert service.run().state == "skipped"
    assert service.ended()


def test_canary_without_a_champion_is_skipped() -> None:
    """No other version could answer the rest of the calls."""
    service = Service()
    policy = CanaryPolicy(share=0.1, seconds=60, rows=100, minimum_rows=40, latency_ratio=2, confidence=0.95)
    result = Canary(service.canaries, service.look, policy).run(service.context(champion=None))
    assert result.state == "skipped"
    assert not service.registry.aliases


def test_lost_lease_leaves_the_canary_to_the_next_process() -> None:
    """Alias and share stay; a process that stops for any other reason removes them."""
    service = Service()

    def lost() -> None:
        raise LeaseLost("gone")

    def stopped() -> None:
        raise KeyboardInterrupt

    policy = CanaryPolicy(share=0.1, seconds=60, rows=100, minimum_rows=40, latency_ratio=2, confidence=0.95)
    stage = Canary(service.canaries, service.look, policy)
    with pytest.raises(LeaseLost):
        stage.run(service.context(check=lost))
    assert service.registry.aliases == {"canary": "2"}
    assert [each.kind for each in service.trail.on_record] == ["canary_start"]
    with pytest.raises(KeyboardInterrupt):
        stage.run(service.context(check=stopped))
    assert service.ended()
    assert [each.kind for each in service.trail.on_record] == ["canary_start", "canary_end"]


ME = Author(changed_by="me")


def test_change_of_share_is_on_record_with_both_shares() -> None:
    """Setting the same share again records nothing."""
    service = Service()
    canaries, trail = service.canaries, service.trail
    for share in (0.1, 0.5, 0.5):
        made = canaries.begin("2", share, ME, reason="because")
    assert made is None
    assert canaries.now() == ("2", 0.5)
    assert [(each.kind, each.from_version, each.from_share, each.to_share) for each in trail.on_record] == [
        ("canary_start", None, None, 0.1),
        ("canary_share", "2", 0.1, 0.5),
    ]
    assert {(each.model_name, each.changed_by, each.reason) for each in trail.on_record} == {("homes", "me", "because")}


def test_canary_that_the_registry_refuses_is_on_record_as_failed() -> None:
    """It was recorded before the attempt; the record has the reason of the failure."""
    service = Service()
    service.registry.fails = True
    with pytest.raises(RegistryFailed):
        service.canaries.begin("2", 0.1, ME, reason="because")
    assert service.trail.failures == ["read-only"]


def test_canary_ends_without_the_store() -> None:
    """Callers come first; the error of the store is raised afterwards."""
    service = Service()
    service.canaries.begin("2", 0.1, ME, reason="because")
    service.trail.down = True
    with pytest.raises(PredictionLogUnavailable):
        service.canaries.end("2", ME, reason="worse")
    assert service.ended()
    assert service.registry.tags["canary_ended"] == "me: worse"


@pytest.mark.parametrize("share", ["", "0", "a lot", "nan", "1.5", "-1"])
def test_share_that_servers_ignore_is_no_canary(share: str) -> None:
    """The share is set by hand in the registry; only a number above 0, up to 1, counts."""
    service = Service()
    service.registry.aliases["canary"], service.registry.tags["canary_share"] = "2", share
    assert service.canaries.now() is None
