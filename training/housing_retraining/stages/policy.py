"""The configured stages in their order: their composition root."""

from dataclasses import dataclass

from housing_retraining.canaries import Canaries
from housing_retraining.champions import Champions
from housing_retraining.comparison.gates import Gate, Policy
from housing_retraining.comparison.judging import Found
from housing_retraining.replay.gate import LatelyAsked
from housing_retraining.replay.verdict import TrafficPolicy
from housing_retraining.settings import RetrainingSettings, Switch
from housing_retraining.stages.canary import Canary
from housing_retraining.stages.canary_evidence import CanaryPolicy, look_at_service
from housing_retraining.stages.gates import Gates
from housing_retraining.stages.promotion import Promotion
from housing_retraining.stages.shadow import Shadow, ShadowPolicy
from housing_retraining.stages.stage import Stage, StageContext, StageResult
from housing_server.prediction_log.retrainings import RetrainingRecords
from housing_server.prediction_log.store import PredictionStore


@dataclass(frozen=True, slots=True, kw_only=True)
class SwitchedOff:
    """A stage that is switched off; it is recorded as skipped."""

    name: str
    """Its name."""

    def run(self, context: StageContext) -> StageResult:  # noqa: ARG002 - the interface
        """Skip it."""
        return StageResult(state="skipped", reason=f"HOUSING_RETRAINING_{self.name.upper()} is off")


def make_stages(
    settings: RetrainingSettings, store: PredictionStore, champions: Champions, canaries: Canaries
) -> list[Stage]:
    """Return the stages of a challenger, in their order."""
    records, traffic = RetrainingRecords(store), traffic_policy(settings)
    lately = LatelyAsked(store=store, rows=settings.retraining_replay_rows, policy=traffic)

    def replayed(context: StageContext, found: Found) -> Gate:
        champion = found.champion.version if found.champion else ""
        return lately.gate(context.model_name, found.candidate.version, champion, context.work)

    return [
        _if_on(settings.retraining_gates, Gates(records, gate_policy(settings), replayed)),
        _if_on(settings.retraining_shadow, Shadow(store, shadow_policy(settings, traffic))),
        _if_on(settings.retraining_canary, Canary(canaries, look_at_service(settings.target), canary_policy(settings))),
        Promotion(champions, records),
    ]


def _if_on(switch: Switch, stage: Stage) -> Stage:
    return stage if switch == "on" else SwitchedOff(name=stage.name)


def gate_policy(settings: RetrainingSettings) -> Policy:
    """Return the policy of the gates."""
    return Policy(
        margin=settings.retraining_margin,
        confidence=settings.retraining_confidence,
        slice_tolerance=settings.retraining_slice_tolerance,
        slice_rows=settings.retraining_slice_rows,
        coverage_tolerance=settings.retraining_coverage_tolerance,
        latency_ratio=settings.retraining_latency_ratio,
    )


def traffic_policy(settings: RetrainingSettings) -> TrafficPolicy:
    """Return the limits on differences in live traffic."""
    return TrafficPolicy(
        tolerance=settings.retraining_traffic_tolerance,
        wild_share=settings.retraining_traffic_wild_share,
        psi=settings.retraining_traffic_psi,
        confidence=settings.retraining_confidence,
    )


def canary_policy(settings: RetrainingSettings) -> CanaryPolicy:
    """Return the policy of canaries."""
    return CanaryPolicy(
        share=settings.retraining_canary_share,
        seconds=settings.retraining_canary_seconds,
        rows=settings.retraining_canary_rows,
        minimum_rows=settings.retraining_canary_minimum_rows,
        latency_ratio=settings.retraining_canary_latency_ratio,
        confidence=settings.retraining_confidence,
    )


def shadow_policy(settings: RetrainingSettings, traffic: TrafficPolicy) -> ShadowPolicy:
    """Return the policy of shadows."""
    return ShadowPolicy(
        seconds=settings.retraining_shadow_seconds,
        rows=settings.retraining_shadow_rows,
        minimum_rows=settings.retraining_shadow_minimum_rows,
        processor_share=settings.retraining_shadow_processor_share,
        keep_rows=settings.retraining_shadow_keep_rows,
        traffic=traffic,
    )
