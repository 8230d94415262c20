"""Sequential test of whether live errors got worse beyond chance, as outcomes arrive.

Repeated tests would give false alarms sooner or later. So a version is judged when its outcomes have grown by half
since the last time, on exactly those, each time with half the probability of error: however long it is watched, the
probability of a false alarm stays below what the confidence allows.
"""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from housing_retraining.comparison.bootstrap import Difference, rmse_difference, rmse_difference_between
from housing_server.prediction_log.logged_requests import Floats

_GROWTH = 1.5


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """One of the times at which a version is judged."""

    number: int
    """Its number, from 0."""
    outcomes: int
    """The number of outcomes it is judged by."""
    confidence: float
    """Confidence level of its intervals."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Worse:
    """Live errors that got worse."""

    reason: str
    """The finding, in a line."""
    figures: dict[str, Any]
    """The figures, by name."""


def look_at(outcomes: int, minimum: int, confidence: float) -> Look | None:
    """Return the look that is due with this number of outcomes; None with too few.

    Args:
        outcomes: their number.
        minimum: the number at the first look.
        confidence: the confidence level of all looks together.
    """
    if outcomes < minimum:
        return None
    number, due = 0, minimum
    while (later := math.ceil(due * _GROWTH)) <= outcomes:
        number, due = number + 1, later
    return Look(number=number, outcomes=due, confidence=1 - (1 - confidence) / 2 ** (number + 1))


def compare_paired(now: Floats, before: Floats, look: Look, margin: float) -> Worse | None:
    """Return how much worse a version is than another on the same requests; None if that may be chance.

    Args:
        now: its errors in USD, shape (n,).
        before: the other's, in the same order.
        look: how many of the first are judged.
        margin: by which share of the RMSE before it must be worse.
    """
    now, before = now[: look.outcomes], before[: look.outcomes]
    found = rmse_difference(now, before, confidence=look.confidence)
    return _worse(now, before, found, look=look, margin=margin, compared="the same requests")


def compare_samples(now: Floats, before: Floats, look: Look, margin: float) -> Worse | None:
    """Return how much worse a version is than another was on other requests; None if that may be chance.

    Args:
        now: its errors in USD, shape (n,).
        before: the other's, shape (m,).
        look: how many of the first of `now` are judged.
        margin: by which share of the RMSE before it must be worse.
    """
    now = now[: look.outcomes]
    found = rmse_difference_between(now, before, confidence=look.confidence)
    return _worse(now, before, found, look=look, margin=margin, compared=f"{len(before):,} requests before")


def _worse(  # noqa: PLR0913 - all are part of the reason
    now: Floats, before: Floats, found: Difference, *, look: Look, margin: float, compared: str
) -> Worse | None:
    rmse, rmse_before = (float(np.sqrt(np.mean(errors**2))) for errors in (now, before))
    if found.low <= margin * rmse_before:
        return None
    return Worse(
        reason=f"a live RMSE of {rmse:,.0f} USD over {len(now):,} outcomes, {rmse_before:,.0f} USD on {compared}: "
        f"worse by {found.rmse:,.0f}, interval {found.low:,.0f} to {found.high:,.0f}",
        figures={
            "rmse": round(rmse, 2),
            "rmse_before": round(rmse_before, 2),
            "outcomes": len(now),
            "outcomes_before": len(before),
            "difference_low": found.low,
            "difference_high": found.high,
            "look": look.number,
        },
    )
