"""Conformal intervals."""

import dataclasses

import numpy as np
import pytest

from housing_training.experts.intervals import LEARNING, HeldOut, IntervalModel
from housing_training.metrics.intervals import IntervalMetrics
from housing_training.params.schema import IntervalParams

PARAMS = IntervalParams(coverage=0.9, area_folds=2, error={"n_estimators": 40, "max_depth": 3, "learning_rate": 0.2})
LIMITS = (0.0, 1_000_000.0)


def held_out(count: int, seed: int) -> HeldOut:
    """Return rows with errors that grow with their first column, most upwards; larger for a third in unknown areas."""
    rng = np.random.default_rng(seed)
    matrix = rng.uniform(0, 1, (count, 2)).astype(np.float32)
    surrounded = np.arange(count) % 3 > 0
    errors = rng.exponential(1 + 4 * matrix[:, 0], count) * np.where(surrounded, 10_000, 20_000) - 5_000
    return HeldOut(
        matrix=matrix,
        weights=np.where(surrounded, 1.0, 0.1)[:, None],
        predicted=np.full(count, 400_000.0),
        prices=400_000 + errors,
        surrounded=surrounded,
        parts=np.arange(count) % 5,
    )


@pytest.fixture(scope="module")
def model() -> IntervalModel:
    """Intervals fitted to 6,000 such rows."""
    return IntervalModel.fit(PARAMS, held_out(6_000, seed=1), seed=1).intervals


def bounds(model: IntervalModel, rows: HeldOut, limits: tuple[float, float] = LIMITS) -> np.ndarray:
    """Return the bounds of rows."""
    expected = model.error.predict(rows.matrix)[:, None]
    interval: np.ndarray = model.bounds(rows.predicted[:, None], expected, rows.weights, limits)
    return interval


@pytest.mark.parametrize("surrounded", [True, False])
def test_they_hold_as_often_as_promised(model: IntervalModel, surrounded: bool) -> None:
    """Nine of ten new rows are inside, among known ones and where nothing is known."""
    rows = held_out(6_000, seed=2)
    these = rows.surrounded == surrounded

    metrics = IntervalMetrics.of(rows.prices[these], rows.predicted[these], bounds(model, rows)[these])

    assert metrics.coverage == pytest.approx(0.9, abs=0.02)


def test_they_are_wider_where_errors_are_larger(model: IntervalModel) -> None:
    """Width follows what is known about the row, and the side that errors fall on."""
    rows = held_out(1_000, seed=3)
    lower, upper = bounds(model, rows).T
    large = rows.matrix[:, 0] > 0.7

    assert np.median((upper - lower)[large]) > 2 * np.median((upper - lower)[rows.matrix[:, 0] < 0.3])
    assert np.median(upper - rows.predicted) > 2 * np.median(rows.predicted - lower)


def test_they_stay_within_the_limits(model: IntervalModel) -> None:
    """No bound lies where no price can be."""
    rows = held_out(1_000, seed=4)

    lower, upper = bounds(model, rows, limits=(390_000.0, 410_000.0)).T

    assert (lower >= 390_000).all()
    assert (upper == 410_000).any()
    assert (upper <= 410_000).all()


def test_without_unknown_areas_all_margins_are_alike() -> None:
    """Data that have no holes teach nothing about them."""
    rows = held_out(600, seed=5)
    everywhere = dataclasses.replace(rows, weights=np.ones((600, 1)))

    model = IntervalModel.fit(PARAMS, everywhere, seed=1).intervals

    assert model.in_the_unknown == model.among_known


def test_margins_among_known_rows_are_those_of_all_rows() -> None:
    """Of five folds, each priced by experts who knew four fifths, margins are narrower by what a fifth more teaches."""
    everywhere = dataclasses.replace(held_out(600, seed=5), surrounded=np.full(600, fill_value=True))
    halves = dataclasses.replace(everywhere, parts=np.zeros(600, np.intp) + (np.arange(600) < 300))
    fifths, halved = (IntervalModel.fit(PARAMS, rows, seed=1).intervals.among_known for rows in (everywhere, halves))

    assert halved.above / fifths.above == pytest.approx((0.5 / 0.8) ** LEARNING, rel=0.1)


def test_errors_of_the_first_fold_are_expected_by_who_has_not_seen_them() -> None:
    """What is rehearsed on rows held out would look better than it is if its widths knew their very errors."""
    rows = held_out(600, seed=6)
    spoilt = dataclasses.replace(rows, prices=np.where(rows.parts == 0, 10 * rows.prices, rows.prices))

    expected = [
        IntervalModel.fit(PARAMS, each, seed=1).without_first.error.predict(rows.matrix) for each in (rows, spoilt)
    ]

    assert np.array_equal(*expected)


def test_metrics_count_what_is_inside() -> None:
    """Coverage is a share, width a mean, and fifths go from the lowest prediction up."""
    true = np.linspace(0, 90_000, 10)
    predicted = true[::-1].copy()
    interval = np.column_stack([true - 1_000, true + np.where(np.arange(10) < 2, -500, 1_000)])

    metrics = IntervalMetrics.of(true, predicted, interval)

    assert metrics.named("interval") == {
        "interval_coverage": 0.8,
        "interval_mean_width": 1_700.0,
        **{f"interval_coverage_fifth_{part}": 1.0 for part in range(1, 5)},
        "interval_coverage_fifth_5": 0.0,
    }
