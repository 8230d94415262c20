"""The evidence about a canary: its answers and the champion's over the same time, from the prediction log."""

import itertools
import math
import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from statistics import NormalDist

from housing_client import HousingError, LoggedPrediction, PredictionClient, PredictionFilter

_UNARY = "Predict"
"""The method whose latencies are compared; those of batches depend on their size."""
_LEAST_LATENCIES = 50
_LEAST_OUTCOMES = 30
"""With fewer for either version, latencies or errors are not compared."""

Look = Callable[[str, int, int], Sequence[LoggedPrediction]]
"""Returns the newest answers of a version, since a time in microseconds since the epoch, up to a limit."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CanaryPolicy:
    """Size and duration of a canary, and what ends it."""

    share: float
    """Its share of the calls, from 0 to 1."""
    seconds: float
    """How long it lasts at most."""
    rows: int
    """After how many answers it ends."""
    minimum_rows: int
    """With fewer it is not judged."""
    latency_ratio: float
    """How many times the champion's median latency its own may be; 0 for any."""
    confidence: float
    """The probability that `beyond chance` means."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CanaryEvidence:
    """The answers of both versions since the canary began."""

    canary: Sequence[LoggedPrediction]
    """The canary's."""
    champion: Sequence[LoggedPrediction]
    """The champion's, up to the same limit."""

    def objections(self, policy: CanaryPolicy) -> list[str]:
        """Return the objections to the canary; none with too little evidence."""
        return [each for each in (self._too_slow(policy), self._worse(policy)) if each]

    def figures(self) -> dict[str, float]:
        """Return the figures, as JSON values."""
        return {
            f"{name}_{what}": figure
            for name, answers in (("canary", self.canary), ("champion", self.champion))
            for what, figure in _figures(answers).items()
        }

    def _too_slow(self, policy: CanaryPolicy) -> str:
        own, others = _latencies(self.canary), _latencies(self.champion)
        if not policy.latency_ratio or min(len(own), len(others)) < _LEAST_LATENCIES:
            return ""
        ratio = statistics.median(own) / max(statistics.median(others), 1e-6)
        return f"it takes {ratio:.1f} times as long as the champion" if ratio > policy.latency_ratio else ""

    def _worse(self, policy: CanaryPolicy) -> str:
        own, others = _squared_errors(self.canary), _squared_errors(self.champion)
        if min(len(own), len(others)) < _LEAST_OUTCOMES:
            return ""
        difference = statistics.fmean(own) - statistics.fmean(others)
        spread = math.sqrt(statistics.variance(own) / len(own) + statistics.variance(others) / len(others))
        if difference <= NormalDist().inv_cdf((1 + policy.confidence) / 2) * spread:
            return ""
        rmse, champion_rmse = math.sqrt(statistics.fmean(own)), math.sqrt(statistics.fmean(others))
        return f"its live RMSE is {rmse:,.0f} USD, the champion's {champion_rmse:,.0f}, beyond chance"


def look_at_service(target: str) -> Look:
    """Return a function that reads answers from the service at an address; it raises HousingError on failure."""

    def look(version: str, since_us: int, limit: int) -> Sequence[LoggedPrediction]:
        wanted = PredictionFilter(model_version=version, start_time=datetime.fromtimestamp(since_us / 1e6, UTC))
        with PredictionClient(target) as client:
            return list(itertools.islice(client.logged_predictions(wanted), limit))

    return look


def gather(look: Look, canary: str, champion: str, since_us: int, limit: int) -> CanaryEvidence | None:
    """Read the answers of both versions; None while the service is unavailable."""
    try:
        own, others = look(canary, since_us, limit), look(champion, since_us, limit)
    except HousingError:
        return None
    return CanaryEvidence(canary=own, champion=others)


def _figures(answers: Sequence[LoggedPrediction]) -> dict[str, float]:
    latencies, squares = _latencies(answers), _squared_errors(answers)
    figures: dict[str, float] = {"rows": len(answers), "outcomes": len(squares)}
    if latencies:
        figures["median_latency_seconds"] = round(statistics.median(latencies), 6)
    if squares:
        figures["live_rmse"] = round(math.sqrt(statistics.fmean(squares)), 2)
    return figures


def _latencies(answers: Sequence[LoggedPrediction]) -> list[float]:
    return [each.latency_seconds for each in answers if each.method == _UNARY]


def _squared_errors(answers: Sequence[LoggedPrediction]) -> list[float]:
    known = ((each.median_house_value, each.outcome) for each in answers)
    return [(price - outcome.median_house_value) ** 2 for price, outcome in known if outcome is not None]
