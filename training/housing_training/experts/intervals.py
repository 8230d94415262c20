"""Intervals that hold the true price with a stated probability: adaptive, asymmetric, conformal.

A booster learns from rows held out how far off prices are there. The errors of such rows, divided by what another
booster that has not seen them expects, are scores; their quantiles, one for each side, are the margins. (Split
conformal prediction with a normalized score, cross-fitted: Papadopoulos et al. 2002; Lei et al. 2018.) There are
margins for rows among known ones and others for rows in areas where nothing is known, and the gate between the
experts weighs them, too.

Rows that were held out were priced by experts who had learnt from fewer rows than there are. The more is known, the
smaller are errors among known places, so margins for these are made as much smaller as errors are with all rows.
"""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Self

import numpy as np
import numpy.typing as npt

from housing_training.data.rows import Prices
from housing_training.experts.boosters import Booster, build_booster
from housing_training.experts.experts import HALF, Floats, Matrix
from housing_training.features.rounding import legible
from housing_training.geography.landmarks import Array
from housing_training.params.schema import IntervalParams

LEAST_ERROR_USD = 1_000.0
"""Added to errors before their logarithm is taken, so that a lucky hit does not count as certainty."""
LEAST_MARGIN = 1e-3
"""Least margin whose logarithm is taken, in expected errors."""
THREADS = 2
"""Boosters that are fitted at once, each on one thread: the results are the same with any number."""
LEARNING = 0.1
"""Errors among known places fall as the number of rows to this power: measured among the training rows, on folds priced
by experts who had learnt from 64, 80 and 90 % of them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldOut:
    """Rows that were priced by experts who had not learnt from them."""

    matrix: Matrix
    """What the experts read, shape (n, columns)."""
    weights: Floats
    """Weight of the local expert, shape (n, 1)."""
    predicted: Prices
    """What they said, in USD, shape (n,)."""
    prices: Prices
    """True prices, in USD, shape (n,)."""
    surrounded: npt.NDArray[np.bool_]
    """Whether the rows around them had been learnt from, rather than nothing in the area; shape (n,)."""
    parts: npt.NDArray[np.intp]
    """Number of the random fold that each row is in: what scores it has not seen any row of the same, shape (n,)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Margins:
    """How many expected errors the bounds are away from the price."""

    below: float
    """From the price down to the lower bound."""
    above: float
    """From the price up to the upper bound."""

    def times(self, below: float, above: float) -> Self:
        """Return margins as many times as wide."""
        return type(self)(below=self.below * below, above=self.above * above)


@dataclass(frozen=True, slots=True, kw_only=True)
class IntervalModel:
    """The fitted intervals."""

    error: Booster
    """Expects the logarithm of the error in USD, plus `LEAST_ERROR_USD`, from the experts' matrix."""
    among_known: Margins
    """Where the local expert has all the weight."""
    in_the_unknown: Margins
    """Where it has none."""

    @classmethod
    def fit(cls, params: IntervalParams, held_out: HeldOut, seed: int) -> "CrossFitted":
        """Fit on rows that were held out."""
        targets = legible(np.log(np.abs(held_out.prices - held_out.predicted) + LEAST_ERROR_USD))
        error, *boosters = _with_all_and_without_each_part(params, held_out, targets, seed)
        scores = legible((held_out.prices - held_out.predicted) / np.exp(_out_of_fold(boosters, held_out)))
        unknown, learnt = ~held_out.surrounded & (held_out.weights[:, 0] < HALF), 1 - 1 / len(boosters)
        among_known = margins_of(scores[held_out.surrounded], params.coverage).times(learnt**LEARNING, learnt**LEARNING)
        intervals = cls(
            error=error,
            among_known=among_known,
            # In data without holes, the other margins are the better guess.
            in_the_unknown=margins_of(scores[unknown], params.coverage) if unknown.any() else among_known,
        )
        return CrossFitted(intervals=intervals, without_first=replace(intervals, error=boosters[0]))

    def bounds(self, prices: Array, log_errors: Array, weights: Array, limits: tuple[float, float]) -> Array:
        """Compute the bounds of intervals.

        Args:
            prices: USD, float64, shape (n, 1).
            log_errors: what `error` says, float32, shape (n, 1).
            weights: weight of the local expert, float64, shape (n, 1).
            limits: least and greatest price there can be, in USD.

        Returns:
            Lower and upper bound in USD, float64, shape (n, 2).
        """
        xp = prices.__array_namespace__()
        errors = xp.exp(xp.astype(log_errors, xp.float64))
        return xp.clip(prices + errors * (self._margins(weights) * xp.asarray(np.array([[-1.0, 1.0]]))), *limits)

    def log_widths(self, log_errors: npt.NDArray[np.float32], weights: Floats) -> Floats:
        """Return the logarithms of the widths of intervals below and above the price in USD, shape (n, 2).

        Args:
            log_errors: what `error` says, float32, shape (n, 1).
            weights: weight of the local expert, float64, shape (n, 1).
        """
        widths: Floats = log_errors.astype(np.float64) + np.log(np.maximum(self._margins(weights), LEAST_MARGIN))
        return widths

    def _margins(self, weights: Array) -> Array:
        """Weigh the margins below and above: float64, shape (n, 2)."""
        xp = weights.__array_namespace__()
        known, unknown = (np.array([[each.below, each.above]]) for each in (self.among_known, self.in_the_unknown))
        return xp.asarray(unknown) + weights * xp.asarray(known - unknown)


@dataclass(frozen=True, slots=True, kw_only=True)
class CrossFitted:
    """Intervals, and the same as they are to rows that were held out."""

    intervals: IntervalModel
    """Errors expected by a booster that has learnt from all rows that were held out."""
    without_first: IntervalModel
    """By one that has learnt from those outside of the first random fold."""


def _with_all_and_without_each_part(
    params: IntervalParams, held_out: HeldOut, targets: Floats, seed: int
) -> list[Booster]:
    """Fit a booster on all rows, and one without each of the parts; several at a time."""
    chosen = [held_out.parts != part for part in range(-1, held_out.parts.max() + 1)]

    def fit(rows: npt.NDArray[np.bool_]) -> Booster:
        return build_booster(params.error, seed).fit(held_out.matrix[rows], targets[rows])

    with ThreadPoolExecutor(THREADS) as pool:
        return list(pool.map(fit, chosen))


def _out_of_fold(boosters: list[Booster], held_out: HeldOut) -> Floats:
    """Return what boosters that have learnt from other rows expect of each row: shape (n,)."""
    expected = np.empty(len(held_out.parts))
    for part, booster in enumerate(boosters):
        expected[held_out.parts == part] = booster.predict(held_out.matrix[held_out.parts == part])
    return expected


def margins_of(scores: Floats, coverage: float) -> Margins:
    """Return margins that leave as many scores, shape (n,), out at either end, rounded to the safe side."""
    tail = (1 - coverage) / 2
    rank = min(1.0, np.ceil((len(scores) + 1) * (1 - tail)) / len(scores))
    below, above = (float(np.quantile(side * scores, rank, method="higher")) for side in (-1, 1))
    return Margins(below=max(below, 0.0), above=max(above, 0.0))
