"""The stage *canary*: the challenger answers a share of the calls, and is withdrawn at the first failure."""

import time
from collections.abc import Callable
from dataclasses import dataclass

from housing_retraining.canaries import Author, Canaries
from housing_retraining.errors import LeaseLost
from housing_retraining.stages.canary_evidence import CanaryEvidence, CanaryPolicy, Look, gather
from housing_retraining.stages.stage import StageContext, StageResult
from housing_server.prediction_log.records import now_us

_LOOK_SECONDS = 2.0
_SECOND_US = 1_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """Clock and pauses."""

    now_us: Callable[[], int] = now_us
    """Returns the time, in microseconds since the epoch."""
    wait: Callable[[float], object] = time.sleep
    """Waits for a number of seconds."""


class Canary:
    """Sets a challenger's share of the calls, watches its answers, and ends the share in any case."""

    name = "canary"

    def __init__(self, canaries: Canaries, look: Look, policy: CanaryPolicy, *, pace: Pace | None = None) -> None:
        """Create it; nothing is set yet.

        Args:
            canaries: sets alias and share, which servers follow.
            look: reads the answers of a version from the service.
            policy: its size, its duration, and what ends it.
            pace: clock and pauses.
        """
        self._canaries, self._look, self._policy = canaries, look, policy
        self._pace = pace or Pace()

    def run(self, context: StageContext) -> StageResult:
        """Let the challenger answer its share, then judge it; after a crash, for the rest of its time.

        Raises:
            LeaseLost: another process may retrain now, and continues the canary.
            RegistryFailed: the registry does not accept the canary.
            PredictionLogUnavailable: the audit trail cannot be written.
        """
        if context.champion is None:
            return StageResult(state="skipped", reason="there is no champion whose calls it could share")
        version, champion = context.candidate.version, context.champion.version
        author = Author(
            changed_by=f"retraining, requested by {context.requested_by}", retraining_id=context.retraining_id
        )
        self._canaries.begin(version, self._policy.share, author, reason=f"stage canary beside version {champion}")
        try:
            result = self._follow(context, champion)
        except LeaseLost:
            raise
        except BaseException:
            self._canaries.end(version, author, reason="the stage was stopped")
            raise
        self._canaries.end(version, author, reason=f"{result.state}: {result.reason}")
        return result

    def _follow(self, context: StageContext, champion: str) -> StageResult:
        policy, pace, version = self._policy, self._pace, context.candidate.version
        ends = context.started_at_us + round(policy.seconds * _SECOND_US)
        while True:
            context.check()
            seen = gather(self._look, version, champion, context.started_at_us, policy.rows)
            if ended := self._canaries.ended(version):
                return StageResult(state="refused", reason=f"the service has ended it, {ended}", figures=_figures(seen))
            if seen is not None and (len(seen.canary) >= policy.minimum_rows) and (against := seen.objections(policy)):
                return StageResult(state="refused", reason="; ".join(against), figures=seen.figures())
            if pace.now_us() >= ends or (seen is not None and len(seen.canary) >= policy.rows):
                return self._judge(seen)
            pace.wait(_LOOK_SECONDS)

    def _judge(self, seen: CanaryEvidence | None) -> StageResult:
        least = self._policy.minimum_rows
        if seen is None:
            return StageResult(state="skipped", reason="the service does not answer questions about its log")
        if len(seen.canary) < least:
            reason = f"it answered only {len(seen.canary):,} rows, at least {least:,} are required"
            return StageResult(state="skipped", reason=reason, figures=seen.figures())
        reason = f"it answered {len(seen.canary):,} rows, none of which speaks against it"
        return StageResult(state="passed", reason=reason, figures=seen.figures())


def _figures(seen: CanaryEvidence | None) -> dict[str, float]:
    return {} if seen is None else seen.figures()
