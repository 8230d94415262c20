"""Objections to a version, from its answers to logged requests."""

from collections.abc import Iterator
from dataclasses import dataclass

from housing_retraining.replay.differences import Differences

_ENOUGH_OUTCOMES = 30
"""Number of outcomes from which errors outweigh differences."""
_ENOUGH_ROWS = 500
"""Number of requests from which their distribution is judged, as for drift."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TrafficPolicy:
    """Limits on differences in live traffic."""

    tolerance: float
    """The share of the served answer from which a difference counts as wild."""
    wild_share: float
    """The largest share of wild differences."""
    psi: float
    """The largest population stability index of the answers."""
    confidence: float
    """The probability that `beyond chance` means."""


def objections(found: Differences, policy: TrafficPolicy) -> list[str]:
    """Return the objections to a version; wild differences are none where outcomes show smaller errors."""
    return [*_objections(found, policy)]


def _objections(found: Differences, policy: TrafficPolicy) -> Iterator[str]:
    if found.unanswered:
        yield f"it has no sound answer to {found.unanswered:,} of {found.rows:,} requests"
    errors = found.errors
    enough = errors is not None and errors.outcomes >= _ENOUGH_OUTCOMES
    if errors is not None and enough and errors.difference.low > 0:
        yield (
            f"RMSE {errors.answer_rmse:,.0f} instead of {errors.reference_rmse:,.0f} USD over {errors.outcomes:,} "
            f"outcomes: a difference of {errors.difference.rmse:,.0f}, interval {errors.difference.low:,.0f} to "
            f"{errors.difference.high:,.0f}"
        )
    better = errors is not None and enough and errors.difference.high < 0
    if found.wild_share > policy.wild_share and not better:
        yield (
            f"{found.wild_share:.1%} of the answers differ by more than {policy.tolerance:.0%}, at most "
            f"{policy.wild_share:.0%} may"
        )
    if found.psi > policy.psi and found.rows >= _ENOUGH_ROWS and not better:
        yield f"the answers have another distribution: PSI {found.psi:.3f}, at most {policy.psi:g} is allowed"


def summary(found: Differences) -> str:
    """Return the differences in a line."""
    errors = found.errors
    known = "" if errors is None else f", RMSE {errors.answer_rmse:,.0f} instead of {errors.reference_rmse:,.0f} USD "
    known += "" if errors is None else f"over {errors.outcomes:,} outcomes"
    return (
        f"{found.rows:,} requests answered differently by {found.mean:,.0f} USD on average, between "
        f"{found.quantiles['p5']:,.0f} and {found.quantiles['p95']:,.0f} for 9 of 10, by {found.largest:,.0f} at most; "
        f"{found.wild_share:.1%} wildly, PSI {found.psi:.3f}{known}"
    )


def figures(found: Differences) -> dict[str, float]:
    """Return the differences by name."""
    values: dict[str, float] = {
        "rows": found.rows,
        "mean_difference": found.mean,
        "rms_difference": found.rms,
        "largest_difference": found.largest,
        **{f"difference_{name}": value for name, value in found.quantiles.items()},
        "wild_share": found.wild_share,
        "psi": found.psi,
        "warned_share": found.warned_share,
        "champion_warned_share": found.reference_warned_share,
    }
    if found.beyond_interval_share is not None:
        values["beyond_interval_share"] = found.beyond_interval_share
    if (errors := found.errors) is not None:
        values |= {"outcomes": errors.outcomes, "candidate_rmse": errors.answer_rmse}
        values |= {"champion_rmse": errors.reference_rmse, "rmse_difference": errors.difference.rmse}
        values |= {"rmse_difference_low": errors.difference.low, "rmse_difference_high": errors.difference.high}
    return values
