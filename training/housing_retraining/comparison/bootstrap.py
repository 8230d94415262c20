"""How much of a difference between two models is chance: paired bootstrap intervals.

Rows are resampled with both models' errors on each, so that what makes a row hard for both cancels out. Errors of one
area are correlated; to account for that, whole areas can be resampled.
(B. Efron and R. J. Tibshirani, An Introduction to the Bootstrap, 1993, chapter 13.)
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.stats import bootstrap

SAMPLES = 2000
"""Number of resamples."""

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """A candidate's RMSE less the champion's, in USD: below 0, the candidate is better."""

    rmse: float
    """The difference on the rows as they are."""
    low: float
    """Lower end of its confidence interval."""
    high: float
    """Upper end."""


def rmse_difference(
    candidate: Floats, champion: Floats, *, confidence: float, groups: npt.NDArray[np.int64] | None = None
) -> Difference:
    """Compare the errors of two models on the same n rows.

    Args:
        candidate: the candidate's errors in USD, shape (n,).
        champion: the champion's, in the same order.
        confidence: the confidence level of the interval.
        groups: group numbers from 0, shape (n,), to resample whole groups; None to resample rows.
    """
    numbers = np.arange(len(candidate)) if groups is None else groups
    counts = np.bincount(numbers).astype(np.float64)
    mine, theirs = (np.bincount(numbers, weights=errors**2).astype(np.float64) for errors in (candidate, champion))
    value = float(_difference(mine, theirs, counts))
    if len(counts) == 1:  # a single group cannot be resampled
        return Difference(rmse=round(value, 2), low=-np.inf, high=np.inf)
    drawn = bootstrap(
        (mine, theirs, counts),
        _difference,
        paired=True,
        vectorized=True,
        n_resamples=SAMPLES,
        batch=100,
        confidence_level=confidence,
        method="percentile",
        rng=np.random.default_rng(0),
    ).confidence_interval
    return Difference(rmse=round(value, 2), low=round(float(drawn.low), 2), high=round(float(drawn.high), 2))


def rmse_difference_between(candidate: Floats, champion: Floats, *, confidence: float) -> Difference:
    """Compare the errors of two models on different rows, resampled independently.

    Args:
        candidate: the candidate's errors in USD, shape (n,), n at least 2.
        champion: the champion's, shape (m,), m at least 2.
        confidence: the confidence level of the interval.
    """
    squares = (candidate**2, champion**2)
    drawn = bootstrap(
        squares,
        _difference_of_means,
        paired=False,
        vectorized=True,
        n_resamples=SAMPLES,
        batch=100,
        confidence_level=confidence,
        method="percentile",
        rng=np.random.default_rng(0),
    ).confidence_interval
    value = float(_difference_of_means(*squares))
    return Difference(rmse=round(value, 2), low=round(float(drawn.low), 2), high=round(float(drawn.high), 2))


def _difference_of_means(candidate: Floats, champion: Floats, axis: int = -1) -> Floats:
    """Return the difference of RMSEs from squared errors along an axis."""
    difference: Floats = np.sqrt(candidate.mean(axis=axis)) - np.sqrt(champion.mean(axis=axis))
    return difference


def _difference(candidate: Floats, champion: Floats, counts: Floats, axis: int = -1) -> Floats:
    """Return the difference of RMSEs from sums of squared errors and numbers of rows along an axis."""
    rows = counts.sum(axis=axis)
    difference: Floats = np.sqrt(candidate.sum(axis=axis) / rows) - np.sqrt(champion.sum(axis=axis) / rows)
    return difference
