"""The canary of a challenger: what is set in the registry, what ends it, and what it is judged by."""

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from housing_client import HousingError, LoggedPrediction, UnavailableError
from housing_client.prediction_log import Outcome
from housing_retraining.errors import LeaseLost
from housing_retraining.registry import RegisteredVersion
from housing_retraining.stages.canary import Canary, Pace
from housing_retraining.stages.canary_evidence import CanaryPolicy
from housing_retraining.stages.stage import StageContext, StageResult

START_US = 1_767_225_600_000_000
WHEN = datetime(2026, 1, 1, tzinfo=UTC)


class FakeRegistry:
    """A registry that a test looks into."""

    def __init__(self) -> None:
        self.aliases: dict[str, str] = {}
        self.tags: dict[str, str] = {"canary_ended": "of another time"}

    def point(self, alias: str, version: str) -> None:
        """Point an alias at a version."""
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


def answer(error: float | None = None, *, latency: float = 0.001) -> LoggedPrediction:
    """An answer, whose price is off by so much if its true price is known."""
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
    """Answers with errors of about a size."""
    return [answer(size * (0.5 + (number % 11) / 10)) for number in range(count)]


class Service:
    """A service that answers more rows at each look, in a time that passes between them."""

    def __init__(self) -> None:
        self.registry = FakeRegistry()
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
        """Let time pass."""
        self.us += round(seconds * 1e6)

    def run(self, **changes: Any) -> StageResult:
        """Run the stage beside version 1."""
        values: dict[str, Any] = {"share": 0.1, "seconds": 60, "rows": 100, "minimum_rows": 40, "latency_ratio": 2}
        policy = CanaryPolicy(**values | {"confidence": 0.95} | changes)
        stage = Canary(self.registry, self.look, policy, pace=Pace(now_us=lambda: self.us, wait=self.wait))
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
        """Whether no server asks the challenger any more."""
        return "canary" not in self.registry.aliases and self.registry.tags["canary_share"] == "0"


def test_challenger_answers_its_share_and_passes() -> None:
    """Once it has answered enough rows; its share ends with the stage, and the figures are on record."""
    service = Service()
    result = service.run()
    assert (result.state, service.looks) == ("passed", 5)
    assert service.seen_share == {("2", "0.1")}
    assert service.ended()
    assert service.registry.tags["canary_ended"].startswith("passed: it answered 100 rows")
    assert result.figures["canary_rows"] == result.figures["champion_rows"] == 100
    assert result.figures["canary_median_latency_seconds"] == 0.001


def test_canary_that_the_service_has_ended_is_refused() -> None:
    """With the reason that the service put on record, which stays there."""
    service = Service()

    def fail(_: float) -> None:
        service.registry.tags |= {"canary_share": "0", "canary_ended": "failed: no answer"}

    stage = Canary(
        service.registry,
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
    """Beyond chance; errors that are about the same pass, and few are not judged."""
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
    """When its time is over; a service that never answers is no reason against it either."""
    service = Service()
    service.per_look = []
    result = service.run()
    assert (result.state, result.reason) == ("skipped", "it answered only 0 rows, at least 40 are asked for")
    assert service.us >= START_US + 60_000_000
    service.down = UnavailableError("down")
    assert service.run().state == "skipped"
    assert service.ended()


def test_first_model_is_no_canary() -> None:
    """There is nothing that answers the other calls."""
    service = Service()
    policy = CanaryPolicy(share=0.1, seconds=60, rows=100, minimum_rows=40, latency_ratio=2, confidence=0.95)
    result = Canary(service.registry, service.look, policy).run(service.context(champion=None))
    assert result.state == "skipped"
    assert not service.registry.aliases


def test_another_process_goes_on_with_the_canary() -> None:
    """One that has lost the lease leaves alias and share; one that is stopped otherwise ends them."""
    service = Service()

    def lost() -> None:
        raise LeaseLost("gone")

    def stopped() -> None:
        raise KeyboardInterrupt

    policy = CanaryPolicy(share=0.1, seconds=60, rows=100, minimum_rows=40, latency_ratio=2, confidence=0.95)
    stage = Canary(service.registry, service.look, policy)
    with pytest.raises(LeaseLost):
        stage.run(service.context(check=lost))
    assert service.registry.aliases == {"canary": "2"}
    with pytest.raises(KeyboardInterrupt):
        stage.run(service.context(check=stopped))
    assert service.ended()
