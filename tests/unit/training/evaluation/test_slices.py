"""Figures of parts of the rows held out, and of the intervals by predicted price."""

import numpy as np
import pandas as pd
import pytest

from housing_training.data.preparation import fill_ocean_proximity
from housing_training.data.rows import column, replaced
from housing_training.data.table import prices_from_frame, rows_from_frame
from housing_training.evaluation.calibration import calibration_by_fifth
from housing_training.evaluation.slices import BY_INCOME, CITY_NAMES, Answers, SliceFigures, measure_slices
from housing_training.metrics.intervals import IntervalMetrics
from housing_training.metrics.prices import Metrics

CAP = 400_000.0


@pytest.fixture
def rows(table: pd.DataFrame) -> np.ndarray:
    """The made-up block groups as rows."""
    return rows_from_frame(fill_ocean_proximity(table))


@pytest.fixture
def answers(table: pd.DataFrame) -> Answers:
    """Answers that are off by some thousand USD, with intervals that do not always hold the price."""
    prices = prices_from_frame(table).clip(max=CAP)
    predicted = prices + np.random.default_rng(1).normal(0, 20_000, len(prices))
    width = 10_000 + predicted / 10
    return Answers(prices=prices, predicted=predicted, bounds=np.column_stack([predicted - width, predicted + width]))


def test_slices_add_up_to_all_rows(rows: np.ndarray, answers: Answers) -> None:
    """By whatever rows are cut, each is in one slice and in no other."""
    slices = measure_slices(rows, answers, rows[::2], CAP)

    assert len(slices) == 6
    for parts in slices.values():
        assert sum(part.rows for part in parts) == len(rows)
        squares = sum(part.rmse**2 * part.rows for part in parts) / len(rows)
        assert np.sqrt(squares) == pytest.approx(SliceFigures.of("all", answers).rmse, rel=1e-6)


def test_figures_of_all_rows_are_those_of_the_evaluation(answers: Answers) -> None:
    """A slice is measured as the whole is, to the last digit that is kept."""
    assert answers.bounds is not None
    whole = SliceFigures.of("all", answers)
    metrics = Metrics.of(answers.prices, answers.predicted)
    intervals = IntervalMetrics.of(answers.prices, answers.predicted, answers.bounds)

    assert (whole.rmse, whole.mae, whole.mape) == (metrics.rmse, metrics.mae, metrics.mape)
    assert (whole.coverage, whole.mean_width) == (intervals.coverage, intervals.mean_width)
    assert whole.bias == round(float(np.mean(answers.predicted - answers.prices)), 2)


def test_slices_hold_what_their_names_say(rows: np.ndarray, answers: Answers) -> None:
    """A row in the middle of Los Angeles, 52 years old, capped and trained on is where it belongs."""
    rows[:1] = replaced(rows[:1], longitude=-118.24, latitude=34.05, housing_median_age=52)
    one = Answers(prices=np.array([CAP]), predicted=np.array([CAP - 1_000]), bounds=None)

    slices = measure_slices(rows[:1], one, rows, CAP)

    names = {by: [part.name for part in parts] for by, parts in slices.items()}
    assert CITY_NAMES[1] in names["region"][0]
    assert names["housing_median_age (years)"] == ["over 51"]
    assert names["cap of prices"] == ["true price at 400,000 USD, or above"]
    assert names["distance to the nearest training row (km)"] == ["0"]
    assert slices["region"][0].bias == -1_000
    assert slices["region"][0].coverage is None
    assert len(answers.prices) == len(rows)


def test_incomes_are_cut_into_fifths(rows: np.ndarray, answers: Answers) -> None:
    """From the lowest incomes to the highest, with about as many rows each."""
    fifths = measure_slices(rows, answers, rows, CAP)[BY_INCOME]

    incomes = rows[:, column("median_income")]
    assert fifths[0].name.startswith(f"from {incomes.min():.2f} to ")
    assert fifths[-1].name.endswith(f" to {incomes.max():.2f}")
    assert [part.rows for part in fifths] == pytest.approx([60] * 5, abs=1)


def test_calibration_is_that_of_the_evaluation(answers: Answers) -> None:
    """Coverage by fifth is the same as in the metrics; what is not held is below or above."""
    assert answers.bounds is not None
    parts = calibration_by_fifth(answers)

    metrics = IntervalMetrics.of(answers.prices, answers.predicted, answers.bounds)
    assert tuple(part.coverage for part in parts) == metrics.coverage_by_fifth
    assert np.average([part.mean_width for part in parts], weights=[part.rows for part in parts]) == pytest.approx(
        metrics.mean_width, abs=0.01
    )
    for part in parts:
        assert part.coverage + part.below + part.above == pytest.approx(1, abs=2e-5)
    assert [part.greatest for part in parts] == sorted(part.greatest for part in parts)


def test_without_intervals_there_is_no_calibration(answers: Answers) -> None:
    """Graphs that tell no interval have no table of it."""
    assert calibration_by_fifth(Answers(prices=answers.prices, predicted=answers.predicted, bounds=None)) == []
