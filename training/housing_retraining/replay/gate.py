"""The gate *replay*: the champion's latest requests, replayed through the challenger."""

from dataclasses import dataclass
from pathlib import Path

from housing_retraining.comparison.gates import Gate
from housing_retraining.comparison.models import fetch, load
from housing_retraining.replay.differences import Tally
from housing_retraining.replay.scoring import replay
from housing_retraining.replay.verdict import TrafficPolicy, objections, summary
from housing_server.prediction_log.logged_requests import Wanted, pages
from housing_server.prediction_log.records import now_us
from housing_server.prediction_log.store import PredictionStore

_DAY_US = 86_400_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class LatelyAsked:
    """The requests of the last day."""

    store: PredictionStore
    """Where they are."""
    rows: int
    """The most of them, the newest."""
    policy: TrafficPolicy
    """Limits on the differences."""

    def gate(self, model_name: str, candidate: str, champion: str, work: Path) -> Gate:
        """Replay the champion's requests through a candidate; without requests the gate passes.

        Raises:
            NotComparable: the candidate cannot be fetched or loaded.
            PredictionLogUnavailable: the store is not available.
        """
        wanted = Wanted(
            model_name=model_name, model_version=champion, since_us=now_us() - _DAY_US, limit=self.rows or 1
        )
        tally, model = Tally(tolerance=self.policy.tolerance, confidence=self.policy.confidence), None
        for page in pages(self.store, wanted):
            model = model or load(fetch(model_name, candidate, work / "fetched"))
            for each in replay((page,), model):
                tally.add(each)
        if model is None:
            return Gate(name="replay", passed=True, detail=f"version {champion} was asked nothing in the last day")
        found = tally.differences()
        against = objections(found, self.policy)
        return Gate(name="replay", passed=not against, detail="; ".join([*against, summary(found)]))
