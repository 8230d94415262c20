"""The stage *shadow*: live requests are scored by the challenger as well, off the reply path."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from housing_retraining.comparison.models import fetch, load
from housing_retraining.replay.differences import Differences, Tally
from housing_retraining.replay.scoring import Replayed, score
from housing_retraining.replay.verdict import TrafficPolicy, figures, objections, summary
from housing_retraining.stages.stage import StageContext, StageResult
from housing_server.core.model import PriceModel
from housing_server.errors import PredictionLogUnavailable, QueryTooSlow
from housing_server.prediction_log.logged_requests import LoggedRequests, Wanted, pages
from housing_server.prediction_log.records import now_us
from housing_server.prediction_log.shadow_predictions import ShadowPredictions, prune
from housing_server.prediction_log.store import PredictionStore

_SECOND_US = 1_000_000
_ROWS_AT_ONCE = 256
"""The most requests of each look, the newest; with more traffic this is a sample."""
_LOOK_SECONDS = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class ShadowPolicy:
    """Duration and cost of a shadow, and its limits on differences."""

    seconds: float
    """How long it lasts at most."""
    rows: int
    """After how many requests it ends."""
    minimum_rows: int
    """With fewer it is not judged."""
    processor_share: float
    """How much of one processor it may use."""
    keep_rows: int
    """How many answers of earlier shadows are kept."""
    traffic: TrafficPolicy
    """Limits on differences."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Clock:
    """Clocks and pauses."""

    now_us: Callable[[], int] = now_us
    """Returns the time, in microseconds since the epoch."""
    processor: Callable[[], float] = time.process_time
    """Returns the seconds of a processor that this process has used."""
    wait: Callable[[float], object] = time.sleep
    """Waits for a number of seconds."""


def load_candidate(context: StageContext) -> PriceModel:
    """Load the challenger as the server does.

    Raises:
        NotComparable: it cannot be fetched or loaded.
    """
    return load(fetch(context.model_name, context.candidate.version, Path(context.work) / "fetched"))


class Shadow:
    """Scores the champion's requests, and records both answers."""

    name = "shadow"

    def __init__(
        self,
        store: PredictionStore,
        policy: ShadowPolicy,
        *,
        load_model: Callable[[StageContext], PriceModel] = load_candidate,
        clock: Clock | None = None,
    ) -> None:
        """Create it; nothing is scored yet.

        Args:
            store: the prediction log, where requests come from and answers go.
            policy: its duration, cost and limits.
            load_model: loads the challenger.
            clock: clocks and pauses.
        """
        self._store, self._policy, self._load = store, policy, load_model
        self._clock = clock or Clock()

    def run(self, context: StageContext) -> StageResult:
        """Follow the traffic, then judge the recorded answers; after a crash, for the rest of its time.

        Raises:
            LeaseLost: another process may retrain now.
            NotComparable: the challenger cannot be fetched or loaded.
            PredictionLogUnavailable: the store is not available when the shadow is judged.
        """
        if context.champion is None:
            return StageResult(state="skipped", reason="there is no champion whose traffic it could see")
        since = context.started_at_us - round(self._policy.seconds * _SECOND_US)
        if self._newest(context, since, 1) is None:
            return StageResult(
                state="skipped",
                reason=f"there is no traffic: version {context.champion.version} was asked nothing in the "
                f"{self._policy.seconds:,.0f} s before",
            )
        prune(self._store, keep_rows=self._policy.keep_rows)
        shadow = ShadowPredictions(self._store, context.model_name, context.candidate.version)
        failed = self._follow(context, shadow)
        if failed:
            return StageResult(
                state="refused",
                reason=f"it has no sound answer to {failed:,} live requests",
                figures={"failed": failed},
            )
        return self._judge(shadow)

    def _follow(self, context: StageContext, shadow: ShadowPredictions) -> int:
        """Score requests as they arrive; return the number of failures, the first of which end it."""
        model, policy, clock = self._load(context), self._policy, self._clock
        ends = context.started_at_us + round(policy.seconds * _SECOND_US)
        since, scored = context.started_at_us, shadow.count()
        while scored < policy.rows and clock.now_us() < ends:
            context.check()
            began = clock.processor()
            try:
                page = self._newest(context, since, min(_ROWS_AT_ONCE, policy.rows - scored))
                if page is not None:
                    answers = score(model, page)
                    if failed := int(np.isnan(answers.prices).sum()):
                        return failed
                    scored += shadow.add(context.retraining_id, page, answers)
                    since = int(page.predicted_at_us.max()) + 1
            except (PredictionLogUnavailable, QueryTooSlow) as error:
                context.echo(f"shadow: {getattr(error, 'reason', error)}\n")  # what comes later may be read
            spent = clock.processor() - began
            clock.wait(max(_LOOK_SECONDS, spent / policy.processor_share - spent))
        return 0

    def _newest(self, context: StageContext, since_us: int, limit: int) -> LoggedRequests | None:
        assert context.champion is not None  # noqa: S101 - for the type checker: `run` has looked
        champion = context.champion.version
        wanted = Wanted(model_name=context.model_name, model_version=champion, since_us=since_us, limit=limit)
        return next(pages(self._store, wanted), None)

    def _judge(self, shadow: ShadowPredictions) -> StageResult:
        traffic = self._policy.traffic
        tally, rows = Tally(tolerance=traffic.tolerance, confidence=traffic.confidence), 0
        for logged, answers in shadow.pages():
            tally.add(Replayed(logged=logged, reference=logged.answers, answers=answers))
            rows += len(logged)
        if rows < self._policy.minimum_rows:
            reason = f"only {rows:,} requests came, at least {self._policy.minimum_rows:,} are required"
            return StageResult(state="skipped", reason=reason, figures={"rows": rows})
        return _result(tally.differences(), traffic)


def _result(found: Differences, policy: TrafficPolicy) -> StageResult:
    against = objections(found, policy)
    return StageResult(
        state="refused" if against else "passed",
        reason="; ".join([*against, summary(found)]),
        figures=figures(found),
    )
