"""Judging the last promotion by live errors."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from housing_retraining.rollback.evidence import Look, Worse, compare_paired, compare_samples, look_at
from housing_retraining.rollback.live_errors import LiveErrors, Replay
from housing_server.prediction_log.logged_requests import Floats
from housing_server.prediction_log.model_changes import CHAMPION_KINDS, ModelChange, ModelChanges
from housing_server.prediction_log.records import now_us
from housing_server.prediction_log.shadow_predictions import ShadowPredictions
from housing_server.prediction_log.store import PredictionStore

MACHINE = "machine"
"""The author on record of changes that no person made."""
_CHANGES_READ = 1_000
_MOST_OUTCOMES = 10_000
"""More outcomes do not change the verdict, only take longer."""
_UNFINISHED_US = 3_600_000_000
"""How long an interrupted rollback is completed after it was recorded; later it is left to operators."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RollbackPolicy:
    """When a promotion is rolled back."""

    outcomes: int
    """With fewer outcomes it is not judged."""
    days: float
    """How long a promotion is watched, and how far back outcomes of the version before count."""
    margin: float
    """By which share of the earlier RMSE live errors must be worse, beyond chance."""
    confidence: float
    """The probability that `beyond chance` means."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """The finding of a look at the last promotion."""

    change: ModelChange
    """The last change of the champion."""
    look: Look | None = None
    """The look; None for a rollback that may be unfinished."""
    worse: Worse | None = None
    """How much worse live errors got; None if they did not, or only a replay would show it."""


class PromotionGuard:
    """Judges the last promotion by the prediction log and the audit trail."""

    def __init__(
        self,
        store: PredictionStore,
        model_name: str,
        policy: RollbackPolicy,
        *,
        replay: Callable[[str], Replay] | None = None,
        now: Callable[[], int] = now_us,
    ) -> None:
        """Create it; nothing is judged yet.

        Args:
            store: the prediction log, and the record of changes.
            model_name: the registered model.
            policy: when a promotion is rolled back.
            replay: returns what replays a version, for promotions without earlier outcomes; None where models cannot be
                loaded.
            now: returns the time, in microseconds since the epoch.
        """
        self._store, self._model_name, self._policy = store, model_name, policy
        self._changes, self._errors = ModelChanges(store), LiveErrors(store, model_name)
        self._replay, self._now = replay, now
        self._harmless: set[tuple[str, str, int]] = set()
        self._settled: set[str] = set()

    def look(self) -> Seen | None:
        """Judge once; None if nothing is due.

        Raises:
            PredictionLogUnavailable: the store does not respond.
        """
        newest = self._changes.newest(self._model_name, _CHANGES_READ, kinds=CHAMPION_KINDS)
        changes = [change for change in newest if change.failure is None]
        if not changes:
            return None
        last, age = changes[0], self._now() - changes[0].changed_at_us
        if last.kind == "rollback":
            unfinished = last.changed_by == MACHINE and age < _UNFINISHED_US
            return Seen(change=last) if unfinished else None
        watched = age <= self._policy.days * 86_400_000_000
        if last.from_version in (None, last.to_version) or not watched or _insisted(last, changes):
            return None
        return None if last.change_id in self._settled else self._judge(last)

    def _judge(self, change: ModelChange) -> Seen | None:
        policy, since = self._policy, change.changed_at_us
        now = self._errors.first(change.to_version, since_us=since, limit=_MOST_OUTCOMES)
        seen = self._by_shadow(change)
        look = look_at(len(now), policy.outcomes, (1 + policy.confidence) / 2)
        if seen is not None or look is None:
            return seen
        window = since - round(policy.days * 86_400_000_000)
        before = self._errors.newest(str(change.from_version), since_us=window, limit=_MOST_OUTCOMES)
        if len(before) >= policy.outcomes:
            worse = self._once(change, "samples", look, lambda: compare_samples(now, before, look, policy.margin))
            if worse is not None:
                return Seen(change=change, look=look, worse=worse)
            if len(now) >= _MOST_OUTCOMES:
                self._settled.add(change.change_id)
            return None
        return self._by_replay(change, look)

    def _by_shadow(self, change: ModelChange) -> Seen | None:
        """Compare both versions on requests where a shadow recorded both answers."""
        shadow = ShadowPredictions(self._store, self._model_name, change.to_version)
        now, before = shadow.errors(str(change.from_version), limit=_MOST_OUTCOMES)
        # Each of two kinds of evidence gets half of the allowed probability of error.
        look = look_at(len(now), self._policy.outcomes, (1 + self._policy.confidence) / 2)
        if look is None:
            return None
        worse = self._once(change, "shadow", look, lambda: compare_paired(now, before, look, self._policy.margin))
        return None if worse is None else Seen(change=change, look=look, worse=worse)

    def _once(self, change: ModelChange, kind: str, look: Look, judge: Callable[[], Worse | None]) -> Worse | None:
        """Judge, unless this look was judged before without a finding."""
        if (this := (change.change_id, kind, look.number)) in self._harmless:
            return None
        if (worse := judge()) is None:
            self._harmless.add(this)
        return worse

    def _by_replay(self, change: ModelChange, look: Look) -> Seen | None:
        """Replay the requests through the version before; where models cannot be loaded, return that it is due."""
        if self._replay is None:
            return Seen(change=change, look=look)
        logged = self._errors.requests(change.to_version, since_us=change.changed_at_us, limit=look.outcomes)
        prices = self._replay(str(change.from_version))(logged)
        worse = compare_paired(
            *_where_both(logged.answers.prices, prices, logged.true_prices), look, self._policy.margin
        )
        return None if worse is None else Seen(change=change, look=look, worse=worse)


def _where_both(now: Floats, before: Floats, true: Floats) -> tuple[Floats, Floats]:
    both = ~np.isnan(before)
    return (now - true)[both], (before - true)[both]


def _insisted(promotion: ModelChange, changes: list[ModelChange]) -> bool:
    """Return whether a machine has rolled this version back before: promoting it again was deliberate."""
    return any(
        change.kind == "rollback" and change.changed_by == MACHINE and change.from_version == promotion.to_version
        for change in changes
    )
