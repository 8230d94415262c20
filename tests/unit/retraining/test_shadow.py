"""The shadow of a challenger: what live requests are asked of it, what that costs, and what it is judged by."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from housing_retraining.errors import LeaseLost
from housing_retraining.registry import RegisteredVersion
from housing_retraining.replay.verdict import TrafficPolicy
from housing_retraining.stages.shadow import Clock, Shadow, ShadowPolicy
from housing_retraining.stages.stage import StageContext, StageResult
from housing_server.errors import PredictionLogUnavailable
from housing_server.prediction_log.shadow_predictions import ShadowPredictions
from housing_server.prediction_log.store import PredictionStore
from predictions_on_record import START, prediction_id
from retraining_traffic import MODEL, START_US, FactorModel, ask, know

SECOND_US = 1_000_000
TRAFFIC = TrafficPolicy(tolerance=0.5, wild_share=0.05, psi=0.5, confidence=0.95)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[PredictionStore]:
    """An empty store."""
    opened = PredictionStore.open(f"sqlite:///{tmp_path}/predictions.db")
    yield opened
    opened.close()


class Traffic:
    """A clock that advances only while a shadow waits, and the requests meanwhile."""

    def __init__(self, store: PredictionStore, per_second: int = 0) -> None:
        self.us, self.processor, self.waits = START_US, 0.0, list[float]()
        self._store, self._per_second, self._asked = store, per_second, 1_000

    def wait(self, seconds: float) -> None:
        """Advance the time, and record requests at its end."""
        self.waits.append(seconds)
        numbers = range(self._asked, self._asked + self._per_second)
        self._asked += self._per_second
        self.us += round(seconds * SECOND_US)
        ask(self._store, numbers, at_us=self.us - 1)

    def clock(self) -> Clock:
        """Return the clock of a shadow."""
        return Clock(now_us=lambda: self.us, processor=lambda: self.processor, wait=self.wait)


def policy(**changes: Any) -> ShadowPolicy:
    """Return a policy of ten seconds, a hundred rows, and a tenth of a processor."""
    values: dict[str, Any] = {"seconds": 10, "rows": 100, "minimum_rows": 20, "processor_share": 0.1}
    return ShadowPolicy(**values | {"keep_rows": 1_000, "traffic": TRAFFIC} | changes)


def context_of(**changes: Any) -> StageContext:
    """Return the context of a stage: version 2 beside version 1, begun when the traffic starts."""
    values: dict[str, Any] = {
        "retraining_id": prediction_id(START),
        "requested_by": "a test",
        "model_name": MODEL,
        "candidate": RegisteredVersion(version="2", run_id="run 2"),
        "champion": RegisteredVersion(version="1", run_id="run 1"),
        "data_sha256": "ab",
        "work": Path(),
        "started_at_us": START_US,
        "check": lambda: None,
        "echo": lambda _: None,
    }
    return StageContext(**values | changes)


def run(store: PredictionStore, traffic: Traffic, model: FactorModel, **changes: Any) -> StageResult:
    """Run a shadow of a model, with requests in the seconds before."""
    ask(store, range(3), at_us=START_US - SECOND_US)
    shadow = Shadow(store, policy(**changes), load_model=lambda _: model, clock=traffic.clock())
    return shadow.run(context_of())


def test_shadow_with_similar_answers_passes(store: PredictionStore) -> None:
    """After the configured number of requests, with both answers on record and the differences as figures."""
    result = run(store, Traffic(store, per_second=30), FactorModel(1.1))
    assert result.state == "passed", result
    assert result.figures["rows"] == 100
    assert result.figures["mean_difference"] == pytest.approx(0.1 * 55_000, rel=0.1)
    assert (result.figures["wild_share"], result.figures["beyond_interval_share"]) == (0, 0)
    assert result.figures["warned_share"] == pytest.approx(0.1, abs=0.02)
    pages = [*ShadowPredictions(store, MODEL, "2").pages()]
    assert sum(len(logged) for logged, _ in pages) == 100
    for logged, answers in pages:
        assert answers.prices.tolist() == pytest.approx((logged.answers.prices * 1.1).tolist())


@pytest.mark.parametrize(("factor", "reason"), [(2.0, "differ by more than 50%"), (0.3, "differ by more than 50%")])
def test_wild_differences_are_refused(store: PredictionStore, factor: float, reason: str) -> None:
    """The reason names their share."""
    result = run(store, Traffic(store, per_second=30), FactorModel(factor))
    assert result.state == "refused"
    assert reason in result.reason
    assert result.figures["wild_share"] == 1


def test_shadow_without_traffic_is_skipped(store: PredictionStore) -> None:
    """At once, with the reason; requests to another version do not count."""
    ask(store, range(50), version="9", at_us=START_US - SECOND_US)
    ask(store, range(100, 150), at_us=START_US - 60 * SECOND_US)
    traffic = Traffic(store)
    shadow = Shadow(store, policy(), load_model=lambda _: FactorModel(1.0), clock=traffic.clock())
    result = shadow.run(context_of())
    assert (result.state, traffic.waits) == ("skipped", [])
    assert result.reason == "there is no traffic: version 1 was asked nothing in the 10 s before"


def test_shadow_without_a_champion_is_skipped(store: PredictionStore) -> None:
    """There is no traffic to compare with."""
    shadow = Shadow(store, policy(), load_model=lambda _: FactorModel(1.0))
    assert shadow.run(context_of(champion=None)).state == "skipped"


def test_too_little_traffic_is_not_judged(store: PredictionStore) -> None:
    """The record says how many requests there were."""
    traffic = Traffic(store, per_second=1)
    result = run(store, traffic, FactorModel(5.0))
    assert (result.state, result.figures["rows"]) == ("skipped", 10 - 1)
    assert result.reason == "only 9 requests came, at least 20 are required"
    assert traffic.us - START_US == 10 * SECOND_US


def test_shadow_keeps_to_its_share_of_a_processor(store: PredictionStore) -> None:
    """Each look is followed by a pause of nine times its processor time, and of at least a second."""
    traffic = Traffic(store, per_second=30)

    class Costly(FactorModel):
        def estimate(self, rows: Any) -> Any:
            traffic.processor += 0.5
            return super().estimate(rows)

    result = run(store, traffic, Costly(1.0), seconds=60)
    assert result.state == "passed"
    assert traffic.waits[:3] == pytest.approx([1.0, 4.5, 4.5])


def test_challenger_that_fails_on_a_request_is_refused(store: PredictionStore) -> None:
    """At once."""
    traffic = Traffic(store, per_second=30)
    result = run(store, traffic, FactorModel(1.0, fails_over=9.5))
    assert (result.state, result.figures, len(traffic.waits)) == ("refused", {"failed": 3}, 1)


def test_outcomes_outweigh_differences(store: PredictionStore) -> None:
    """A very different challenger passes if its errors are smaller, and a similar one is refused if larger."""

    class Known(Traffic):
        def wait(self, seconds: float) -> None:
            before = self._asked
            super().wait(seconds)
            know(self._store, asked_again(before, self._asked), 0.0)

    def asked_again(first: int, last: int) -> Any:
        return [
            {"prediction_id": each["prediction_id"], "median_house_value": each["median_house_value"] * truth[0]}
            | {"predicted_at_us": each["predicted_at_us"]}
            for each in ask(store, range(first, last), at_us=traffic.us - 1)
        ]

    truth = [2.0]
    traffic: Traffic = Known(store, per_second=30)
    better = run(store, traffic, FactorModel(2.0))
    assert better.state == "passed", better
    assert better.figures["rmse_difference_high"] < 0


def crash_at(count: int) -> Callable[[], None]:
    """Fail at the nth call."""
    calls = iter(range(1_000))

    def check() -> None:
        if next(calls) == count:
            raise LeaseLost("gone")

    return check


def test_shadow_continues_after_a_crash(store: PredictionStore) -> None:
    """For the rest of its time, with the answers on record; after that time these are judged."""
    traffic = Traffic(store, per_second=30)
    ask(store, range(3), at_us=START_US - SECOND_US)
    shadow = Shadow(store, policy(), load_model=lambda _: FactorModel(1.1), clock=traffic.clock())
    with pytest.raises(LeaseLost):
        shadow.run(context_of(check=crash_at(3)))
    scored = ShadowPredictions(store, MODEL, "2").count()
    assert scored == 60
    traffic.us += 60 * SECOND_US
    result = shadow.run(context_of())
    assert (result.state, result.figures["rows"]) == ("passed", 60)


def test_shadow_survives_a_short_outage_of_the_store(store: PredictionStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """Later requests are read."""
    traffic, add = Traffic(store, per_second=30), ShadowPredictions.add
    failures = [PredictionLogUnavailable("it is down")]

    def sometimes(*arguments: Any) -> int:
        if failures:
            raise failures.pop()
        return add(*arguments)

    monkeypatch.setattr(ShadowPredictions, "add", sometimes)
    assert run(store, traffic, FactorModel(1.0)).figures["rows"] == 100
