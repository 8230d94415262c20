"""Promotions that are taken back by themselves: by which evidence, and once."""

import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from housing_retraining.champions import Champions
from housing_retraining.errors import RegistryFailed
from housing_retraining.registry import RegisteredVersion
from housing_retraining.replay.scoring import score
from housing_retraining.rollback.acting import act
from housing_retraining.rollback.evidence import Look, compare_samples, look_at
from housing_retraining.rollback.guard import MACHINE, PromotionGuard, RollbackPolicy, Seen
from housing_server.prediction_log.logged_requests import Wanted, pages
from housing_server.prediction_log.model_changes import ModelChange, ModelChanges
from housing_server.prediction_log.shadow_predictions import ShadowPredictions
from housing_server.prediction_log.store import PredictionStore
from predictions_on_record import START, prediction_id
from retraining_traffic import MODEL, START_US, FactorModel, ask, know

HOUR_US = 3_600_000_000
POLICY = RollbackPolicy(outcomes=50, days=7, margin=0.02, confidence=0.95)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[PredictionStore]:
    """An empty store."""
    opened = PredictionStore.open(f"sqlite:///{tmp_path}/predictions.db")
    yield opened
    opened.close()


class Registry:
    """A registry in memory, whose champion is version 1, and in which moving an alias may fail."""

    error: BaseException | None
    """What moving one raises."""

    def __init__(self) -> None:
        self.aliases, self.error = {"champion": "1"}, None

    def named(self, alias: str) -> RegisteredVersion | None:
        """Return the version that an alias names."""
        return RegisteredVersion(version=self.aliases[alias], run_id="run")

    def point(self, alias: str, version: str) -> None:
        """Point an alias at a version."""
        if self.error is not None:
            raise self.error
        self.aliases[alias] = version


class Service:
    """The records of a service: answers, promotions and outcomes, an hour after its first call."""

    def __init__(self, store: PredictionStore) -> None:
        self.store, self.registry, self.us = store, Registry(), START_US + HOUR_US
        self.changes = ModelChanges(store, now=self.now)
        self.champions = Champions(MODEL, self.registry, self.changes)
        self._asked = 0

    def now(self) -> int:
        """Return the time, a microsecond later at each call."""
        self.us += 1
        return self.us

    def promote(self, version: str) -> None:
        """Promote a version by hand."""
        self.champions.change("promotion", version, changed_by="a person", reason="forced")

    def answer(self, version: str, count: int, error: float) -> None:
        """Record answers of a version, with errors of about this size in USD."""
        numbers = range(self._asked, self._asked + count)
        self._asked += count
        know(self.store, ask(self.store, numbers, version=version, at_us=self.now()), error, seed=self._asked)

    def guard(self, **options: Any) -> PromotionGuard:
        """Return a new guard, as another process would have."""
        return PromotionGuard(self.store, MODEL, POLICY, now=self.now, **options)

    def act(self, **options: Any) -> bool:
        """Roll the last promotion back if that is due; return whether it was rolled back."""
        return act(self.guard(**options), self.champions).rolled_back


@pytest.fixture
def service(store: PredictionStore) -> Service:
    """A service in which version 1 has answered with errors of 10,000 USD until version 2 was promoted."""
    made = Service(store)
    made.answer("1", 100, 10_000)
    made.promote("2")
    return made


def test_worse_live_errors_roll_back_once(service: Service) -> None:
    """On record as made by the machine, with the figures; judging again changes nothing."""
    service.answer("2", 60, 30_000)
    assert service.act()
    assert service.registry.aliases["champion"] == "1"
    change, *_ = service.changes.newest(MODEL, 5)
    assert (change.kind, change.from_version, change.to_version) == ("rollback", "2", "1")
    assert change.changed_by == MACHINE
    assert "over 50 outcomes" in change.reason
    assert "on 100 requests before" in change.reason
    assert not service.act()
    assert len(service.changes.newest(MODEL, 5)) == 2


def test_changes_of_canaries_do_not_hide_the_promotion(service: Service) -> None:
    """They are in the same audit trail, and are not changes of the champion."""
    canary = ModelChange(
        model_name=MODEL, kind="canary_start", from_version=None, to_version="3", changed_by="a person", reason="a look"
    )
    service.changes.add(canary)
    service.answer("2", 60, 30_000)
    assert service.act()
    assert service.registry.aliases["champion"] == "1"


def test_similar_or_better_errors_do_not_roll_back(service: Service) -> None:
    """Neither is worse beyond chance."""
    service.answer("2", 60, 10_000)
    assert not service.act()
    service.answer("2", 60, 5_000)
    assert not service.act()


def test_too_few_outcomes_do_not_roll_back(service: Service) -> None:
    """However large the errors are."""
    service.answer("2", 49, 300_000)
    assert service.guard().look() is None
    service.answer("2", 1, 300_000)
    assert service.guard().look() is not None


def test_only_one_of_two_watchers_rolls_back(service: Service) -> None:
    """Even if both found the reason before either acted."""
    service.answer("2", 60, 30_000)

    class Late(PromotionGuard):
        def look(self) -> Seen | None:
            seen = super().look()
            assert service.act()
            return seen

    acted = act(Late(service.store, MODEL, POLICY, now=service.now), service.champions)
    assert not acted.rolled_back
    assert len(service.changes.newest(MODEL, 5)) == 2


def test_version_promoted_again_by_hand_stays(service: Service) -> None:
    """The machine does not roll it back a second time."""
    service.answer("2", 60, 30_000)
    assert service.act()
    service.promote("2")
    service.answer("2", 60, 30_000)
    assert not service.act()
    assert service.registry.aliases["champion"] == "2"


def test_old_promotion_is_not_watched(service: Service) -> None:
    """After the configured days, errors only trigger retrainings."""
    service.answer("2", 60, 30_000)
    service.us += 8 * 24 * HOUR_US
    assert not service.act()


def test_champion_changed_in_the_registry_is_not_rolled_back(service: Service) -> None:
    """The change is not on record."""
    service.answer("2", 60, 30_000)
    service.registry.aliases["champion"] = "7"
    assert not service.act()
    assert service.registry.aliases["champion"] == "7"


@pytest.mark.parametrize(
    ("error", "on_record"),
    [
        (RegistryFailed("it is down"), ["rollback", "rollback", "promotion"]),
        (KeyboardInterrupt(), ["rollback", "promotion"]),
    ],
)
def test_interrupted_rollback_is_completed(service: Service, error: BaseException, on_record: list[str]) -> None:
    """A failed one is tried again; one whose process died after recording it is completed once."""
    service.answer("2", 60, 30_000)
    service.registry.error = error
    with pytest.raises(type(error)):
        service.act()
    service.registry.error = None
    assert service.act()
    assert service.registry.aliases["champion"] == "1"
    assert not service.act()
    assert [change.kind for change in service.changes.newest(MODEL, 5)] == on_record


def test_shadow_answers_are_compared_on_the_same_requests(service: Service) -> None:
    """Outcomes of requests with both answers are judged first."""
    (page,) = pages(service.store, Wanted(model_name=MODEL))
    answers = score(FactorModel(1.5), page)
    ShadowPredictions(service.store, MODEL, "2").add(prediction_id(START), page, answers)
    assert service.act()
    change, *_ = service.changes.newest(MODEL, 1)
    assert "on the same requests" in change.reason


def test_version_before_is_replayed_without_earlier_outcomes(store: PredictionStore) -> None:
    """On the same requests; a process that cannot load models only reports that this is due."""
    service = Service(store)
    service.promote("2")
    service.answer("2", 60, 30_000)
    seen = service.guard().look()
    assert seen is not None
    assert (seen.worse, seen.look) == (None, look_at(60, 50, 0.975))

    true = pages(store, Wanted(model_name=MODEL))
    prices = {number: price for page in true for number, price in zip(page.ids, page.true_prices, strict=True)}
    assert not service.act(replay=lambda _: lambda logged: logged.answers.prices + 1)
    assert service.act(replay=lambda _: lambda logged: np.array([prices[each] for each in logged.ids]) + 1)
    assert "on the same requests" in service.changes.newest(MODEL, 1)[0].reason


def test_version_is_judged_again_as_outcomes_grow() -> None:
    """By half each time, each time with half the probability of error."""
    assert look_at(99, 100, 0.95) is None
    assert look_at(100, 100, 0.95) == look_at(149, 100, 0.95) == Look(number=0, outcomes=100, confidence=0.975)
    assert look_at(150, 100, 0.95) == Look(number=1, outcomes=150, confidence=0.9875)
    assert look_at(10**6, 100, 0.95).number == 22  # type: ignore[union-attr]


def test_repeated_looks_keep_false_alarms_rare() -> None:
    """Promotions to an equally good version, judged ten times, are hardly ever rolled back."""
    alarms = 0
    for seed in range(12):
        rng = np.random.default_rng(random.Random(seed).getrandbits(32))  # noqa: S311
        before, now = rng.normal(0, 50_000, 300), rng.normal(0, 50_000, 1_000)
        looks = {look_at(count, 100, 0.95) for count in range(100, 1_000)} - {None}
        alarms += any(compare_samples(now, before, look, 0.0) for look in looks if look)
    assert alarms <= 2
