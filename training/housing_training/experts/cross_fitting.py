"""Pricing every training row by experts that were not trained on it, for cross-validation and for intervals.

The rows are split twice: at random, which shows how well rows among known ones are priced, and by area, which shows
how well rows are priced where nothing is known.
"""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from sklearn.model_selection import GroupKFold, KFold

from housing_training.data.rows import PLACE, Prices, Rows
from housing_training.experts.experts import Estimate, Experts
from housing_training.experts.intervals import HeldOut, IntervalModel
from housing_training.metrics.prices import Metrics
from housing_training.params.schema import MixtureParams, TrainParams

THREADS = 2
"""Folds that are fitted at once, each on one thread: the results are the same with any number."""
AREA_DEGREES = 0.5
"""Side of an area."""

Indices = npt.NDArray[np.intp]


@dataclass(frozen=True, slots=True, kw_only=True)
class Fold:
    """A part of the rows, priced by experts that were trained on the rest."""

    rows: Indices
    """Which rows, shape (m,)."""
    experts: Experts
    """Experts trained on the rest."""
    estimate: Estimate
    """Their estimates."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Calibrated:
    """What is learnt from rows that were held out in turn."""

    intervals: IntervalModel
    """The intervals that would have held them."""
    rehearsed_intervals: IntervalModel
    """The same, with errors expected by a booster that has not seen those of the rehearsal's rows."""
    cross_validated: Metrics
    """Mean over the random folds."""
    rehearsal: Fold
    """The first of these folds: experts and the rows that they have not seen."""


def areas(rows: Rows, offset_degrees: float = 0.0) -> npt.NDArray[np.int64]:
    """Number the area, a square of `AREA_DEGREES`, that each row, shape (n, 9), lies in: shape (n,).

    Args:
        rows: the rows.
        offset_degrees: by how much the squares are moved south and west.
    """
    squares = np.floor((rows[:, PLACE] + offset_degrees) / AREA_DEGREES)
    _, numbers = np.unique(squares, axis=0, return_inverse=True)
    return numbers.astype(np.int64)


def random_folds(rows: Rows, folds: int, seed: int) -> list[tuple[Indices, Indices]]:
    """Split rows at random: which to train on and which to hold out, for each fold."""
    return list(KFold(folds, shuffle=True, random_state=seed).split(rows))


def area_folds(rows: Rows, folds: int, offset_degrees: float = 0.0) -> list[tuple[Indices, Indices]]:
    """Split rows by area: which to train on and which to hold out, for each fold; no more folds than areas."""
    groups = areas(rows, offset_degrees)
    return list(GroupKFold(min(folds, len(np.unique(groups)))).split(rows, groups=groups))


def cross_fit(
    params: MixtureParams, rows: Rows, prices: Prices, folds: list[tuple[Indices, Indices]], seed: int
) -> Iterator[Fold]:
    """Price each fold by experts fitted on the others, in order; several at a time."""

    def fit(fold: tuple[Indices, Indices]) -> Fold:
        learnt, held_out = fold
        experts = Experts.fit(params, rows[learnt], prices[learnt], seed)
        return Fold(rows=held_out, experts=experts, estimate=experts.estimate(rows[held_out]))

    with ThreadPoolExecutor(THREADS) as pool:
        yield from pool.map(fit, folds)


def calibrate(
    params: MixtureParams, train: TrainParams, rows: Rows, prices: Prices, advance: Callable[[], object]
) -> Calibrated:
    """Cross-validate the mixture and fit its intervals to its errors.

    Args:
        params: the mixture's hyper-parameters.
        train: into how many folds rows are split at random, and the seed of all that is drawn.
        rows: training rows, shape (n, 9).
        prices: their prices in USD, shape (n,).
        advance: called after each fold and after the intervals.
    """
    parts = [*random_folds(rows, train.folds, train.seed), *area_folds(rows, params.interval.area_folds)]
    priced = []
    for fold in cross_fit(params, rows, prices, parts, train.seed):
        priced.append(fold)
        advance()
    among_known, in_the_unknown = priced[: train.folds], priced[train.folds :]
    fitted = IntervalModel.fit(params.interval, pooled(prices, among_known, in_the_unknown), train.seed)
    advance()
    metrics = [Metrics.of(prices[fold.rows], fold.estimate.prices) for fold in among_known]
    return Calibrated(
        intervals=fitted.intervals,
        rehearsed_intervals=fitted.without_first,
        cross_validated=Metrics.mean(metrics),
        rehearsal=among_known[0],
    )


def pooled(prices: Prices, among_known: list[Fold], in_the_unknown: list[Fold]) -> HeldOut:
    """Put folds together: those parted at random, and those parted by area."""
    folds, part = [*among_known, *in_the_unknown], np.empty(len(prices), np.intp)
    for number, fold in enumerate(among_known):
        part[fold.rows] = number
    return HeldOut(
        matrix=np.concatenate([fold.estimate.matrix for fold in folds]),
        weights=np.concatenate([fold.estimate.weights for fold in folds]),
        predicted=np.concatenate([fold.estimate.prices for fold in folds]),
        prices=np.concatenate([prices[fold.rows] for fold in folds]),
        surrounded=np.repeat([True, False], [_count(among_known), _count(in_the_unknown)]),
        parts=np.concatenate([part[fold.rows] for fold in folds]),
    )


def _count(folds: list[Fold]) -> int:
    return sum(len(fold.rows) for fold in folds)
