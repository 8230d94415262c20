"""Measuring a candidate and the champion on the same rows."""

from dataclasses import dataclass

import numpy as np

from housing_retraining.comparison.bootstrap import Difference, rmse_difference
from housing_retraining.comparison.holdout import Floats, Holdout, Mask


@dataclass(frozen=True, slots=True, kw_only=True)
class Answers:
    """A model's predictions for the rows held out."""

    prices: Floats
    """Its prices in USD, shape (n,)."""
    bounds: Floats | None
    """Bounds of its intervals in USD, shape (n, 2); None without intervals."""
    promised: float
    """Nominal coverage of its intervals, from 0 to 1; 0 without intervals."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Quality:
    """Metrics of a model on all rows held out."""

    rmse: float
    """Root of the mean squared error, in USD."""
    mae: float
    """Mean absolute error, in USD."""
    coverage: float | None
    """Share of its intervals that contain the true price; None without intervals."""
    promised: float
    """Nominal coverage."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Slice:
    """Both models on a slice of the rows."""

    by: str
    """What the rows were cut by."""
    name: str
    """The value or band of its rows."""
    rows: int
    """How many there are."""
    candidate_rmse: float
    """The candidate's RMSE, in USD."""
    champion_rmse: float
    """The champion's."""
    difference: Difference
    """Difference of the RMSEs, with its confidence interval."""


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
    """Metrics of the candidate."""
    champion: Quality
    """Metrics of the champion."""
    random: Difference
    """Difference of the RMSEs, with rows resampled."""
    by_area: Difference
    """The same, with whole areas resampled."""
    slices: tuple[Slice, ...]
    """Both on slices of the rows."""


def compare(
    holdout: Holdout, candidate: Answers, champion: Answers, *, confidence: float, slice_rows: int
) -> Comparison:
    """Compare two models.

    Args:
        holdout: the rows held out.
        candidate: the candidate's predictions.
        champion: the champion's predictions.
        confidence: the confidence level of intervals; those of the slices have it jointly.
        slice_rows: slices with fewer rows are left out.
    """
    errors = [answers.prices - holdout.prices for answers in (candidate, champion)]
    areas = holdout.areas()
    cuts = [each for each in holdout.slices() if each[2].sum() >= slice_rows]
    # With many slices one is worse by chance: Bonferroni's correction gives all intervals this level jointly.
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
