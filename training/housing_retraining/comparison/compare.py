"""Measuring a candidate and the champion on the same rows."""

from dataclasses import dataclass

import numpy as np

from housing_retraining.comparison.bootstrap import Difference, rmse_difference
from housing_retraining.comparison.holdout import Floats, Holdout, Mask


@dataclass(frozen=True, slots=True, kw_only=True)
class Answers:
    """What a model says about the rows held out."""

    prices: Floats
    """Its prices in USD, shape (n,)."""
    bounds: Floats | None
    """The bounds of its intervals in USD, shape (n, 2); None when it has none."""
    promised: float
    """The share of its intervals that is to hold the true price; 0 when it has none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Quality:
    """How good a model is on all rows held out."""

    rmse: float
    """Root of the mean squared error, in USD."""
    mae: float
    """Mean absolute error, in USD."""
    coverage: float | None
    """Share of its intervals that hold the true price; None when it has none."""
    promised: float
    """The share that is to."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Slice:
    """Both models on a part of the rows."""

    by: str
    """What the rows were cut by."""
    name: str
    """What its rows have in common."""
    rows: int
    """How many there are."""
    candidate_rmse: float
    """The candidate's RMSE, in USD."""
    champion_rmse: float
    """The champion's."""
    difference: Difference
    """What they differ by, and what of it may be chance."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """A candidate beside the champion."""

    rows: int
    """Rows held out."""
    new_rows: int
    """How many of them came after the champion was trained."""
    areas: int
    """How many areas they lie in."""
    candidate: Quality
    """How good the candidate is."""
    champion: Quality
    """How good the champion is."""
    random: Difference
    """What they differ by, when rows are drawn."""
    by_area: Difference
    """The same, when whole areas are drawn."""
    slices: tuple[Slice, ...]
    """Both on parts of the rows."""


def compare(
    holdout: Holdout, candidate: Answers, champion: Answers, *, confidence: float, slice_rows: int
) -> Comparison:
    """Compare two models.

    Args:
        holdout: the rows held out.
        candidate: what the candidate says about them.
        champion: what the champion does.
        confidence: the probability that intervals promise; those of the slices promise it together.
        slice_rows: slices with fewer rows are left out.
    """
    errors = [answers.prices - holdout.prices for answers in (candidate, champion)]
    areas = holdout.areas()
    cuts = [each for each in holdout.slices() if each[2].sum() >= slice_rows]
    # Of many slices one is worse by chance: the intervals are as wide as it takes to promise this of all (Bonferroni).
    of_each = 1 - (1 - confidence) / max(1, len(cuts))

    def part(by: str, name: str, chosen: Mask) -> Slice:
        mine, theirs = (each[chosen] for each in errors)
        difference = rmse_difference(mine, theirs, confidence=of_each)
        rows = int(chosen.sum())
        return Slice(
            by=by, name=name, rows=rows, candidate_rmse=_rmse(mine), champion_rmse=_rmse(theirs), difference=difference
        )

    return Comparison(
        rows=len(holdout.prices),
        new_rows=int(holdout.new.sum()),
        areas=int(areas.max()) + 1,
        candidate=quality(holdout, candidate),
        champion=quality(holdout, champion),
        random=rmse_difference(*errors, confidence=confidence),
        by_area=rmse_difference(*errors, confidence=confidence, groups=areas),
        slices=tuple(part(*each) for each in cuts),
    )


def quality(holdout: Holdout, answers: Answers) -> Quality:
    """Measure one model on all rows held out."""
    errors = answers.prices - holdout.prices
    coverage = None
    if answers.bounds is not None:
        inside = (answers.bounds[:, 0] <= holdout.prices) & (holdout.prices <= answers.bounds[:, 1])
        coverage = round(float(inside.mean()), 5)
    mae = round(float(np.mean(np.abs(errors))), 2)
    return Quality(rmse=_rmse(errors), mae=mae, coverage=coverage, promised=answers.promised)


def _rmse(errors: Floats) -> float:
    return round(float(np.sqrt(np.mean(errors**2))), 2)
