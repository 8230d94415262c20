"""The gates that a candidate must pass to become the champion; each reports its figures, passed or not."""

from dataclasses import dataclass

from housing_retraining.comparison.compare import Comparison, Quality, Slice
from housing_retraining.comparison.holdout import KNOWN_BEFORE

PARITY_USD = 1.0
"""The largest allowed difference between the registered graph and the pipeline's, in USD."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Gate:
    """The result of a gate."""

    name: str
    """Its name."""
    passed: bool
    """Whether it passed."""
    detail: str
    """Its figures, in a line."""
    blames_data: bool = False
    """Whether a failure is blamed on the new rows, since predictions for known rows got worse with them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """How strict gates are."""

    margin: float
    """By which share of the champion's RMSE a candidate must be better, beyond chance."""
    confidence: float
    """The probability that `beyond chance` means."""
    slice_tolerance: float
    """By which share it may be worse on a slice."""
    slice_rows: int
    """Slices with fewer rows are not judged."""
    coverage_tolerance: float
    """How far the coverage of its intervals may be from what they promise."""
    latency_ratio: float
    """How many times as long as the champion it may take for a row; 0 for any."""


def parity(largest_difference_usd: float) -> Gate:
    """Check that the registered graph predicts the same as the trained one."""
    passed = largest_difference_usd <= PARITY_USD  # False for NaN
    detail = (
        f"the registered graph differs by up to {largest_difference_usd:.2f} USD, at most {PARITY_USD:g} is allowed"
    )
    return Gate(name="parity", passed=passed, detail=detail)


def calibration(candidate: Quality, champion: Quality | None, policy: Policy) -> Gate:
    """Check that the coverage of the intervals is close to the nominal one."""
    if candidate.coverage is None:
        lost = champion is not None and champion.coverage is not None
        detail = "it has no intervals, and the champion has" if lost else "neither model has intervals"
        return Gate(name="calibration", passed=not lost, detail=detail)
    off = abs(candidate.coverage - candidate.promised)
    return Gate(
        name="calibration",
        passed=off <= policy.coverage_tolerance,
        detail=f"{candidate.coverage:.3f} of the intervals hold the true price, {candidate.promised:g} are promised "
        f"and {policy.coverage_tolerance:g} more or less allowed",
    )


def slices(comparison: Comparison, policy: Policy) -> Gate:
    """Check that no slice is worse by more than the tolerance, beyond chance."""
    worse = [each for each in comparison.slices if _is_worse(each, policy.slice_tolerance)]
    worse.sort(key=lambda each: each.name != KNOWN_BEFORE)  # first the slice for which rows are set aside
    listed = "; ".join(
        f"{each.by} {each.name}: RMSE {each.candidate_rmse:,.0f} instead of {each.champion_rmse:,.0f} USD"
        for each in worse[:5]
    )
    return Gate(
        name="slices",
        passed=not worse,
        detail=listed or f"none of {len(comparison.slices)} is worse by more than {policy.slice_tolerance:.0%}",
        blames_data=any(each.name == KNOWN_BEFORE for each in worse),
    )


def better(comparison: Comparison, policy: Policy) -> Gate:
    """Check that the candidate is better by the margin, beyond chance, with rows resampled."""
    least = policy.margin * comparison.champion.rmse
    found = comparison.random
    worse_beyond_chance = found.low > 0
    return Gate(
        name="better",
        passed=found.high < -least,
        detail=f"RMSE {comparison.candidate.rmse:,.0f} instead of {comparison.champion.rmse:,.0f} USD: a difference of "
        f"{found.rmse:,.0f}, interval {found.low:,.0f} to {found.high:,.0f}; it must be below {-least:,.0f}",
        blames_data=worse_beyond_chance,
    )


def by_area(comparison: Comparison) -> Gate:
    """Check that the candidate is not worse beyond chance, with whole areas resampled."""
    found = comparison.by_area
    return Gate(
        name="by area",
        passed=found.low <= 0,
        detail=f"over {comparison.areas} areas, a difference of {found.rmse:,.0f} USD, interval {found.low:,.0f} to "
        f"{found.high:,.0f}; it must not be above 0 beyond chance",
    )


def judge(comparison: Comparison, policy: Policy) -> list[Gate]:
    """Return the gates that compare predictions."""
    return [
        calibration(comparison.candidate, comparison.champion, policy),
        slices(comparison, policy),
        by_area(comparison),
        better(comparison, policy),
    ]


def _is_worse(part: Slice, tolerance: float) -> bool:
    return part.candidate_rmse > (1 + tolerance) * part.champion_rmse and part.difference.low > 0
