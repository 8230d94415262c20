"""Rows that a model has no answer to, among others."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from housing.features import FEATURE_NAMES
from housing_server.core.isolation import estimate_each
from housing_server.core.model import Estimates, Intervals, Rows
from serving_fakes import IncomeModel

INCOME = FEATURE_NAMES.index("median_income")


class PickyModel(IncomeModel):
    """Raises where an income is negative, and answers NaN where one is zero; counts its runs."""

    def __init__(self) -> None:
        self.runs = 0

    def estimate(self, rows: Rows) -> Estimates:
        """Estimate one price a row."""
        self.runs += 1
        if (rows[:, INCOME] < 0).any():
            raise ZeroDivisionError("no such income")
        usual = super().estimate(rows)
        prices = np.where(rows[:, INCOME] == 0, np.nan, usual.median_house_value)
        return Estimates(
            median_house_value=prices,
            ocean_proximity=usual.ocean_proximity,
            interval=usual.interval,
            warned=usual.warned,
        )


def rows_of(incomes: list[float]) -> Rows:
    """Rows with these incomes."""
    rows = np.tile([-120.0, 37.0, 20.0, 100.0, 20.0, 50.0, 20.0, 5.0, 1.0], (len(incomes), 1))
    rows[:, INCOME] = incomes
    return rows


@given(st.lists(st.sampled_from([-1.0, 0.0, 0.5, 2.0, 3.0]), min_size=1, max_size=40))
def test_rows_without_an_answer_fail_alone(incomes: list[float]) -> None:
    """The others are answered as if these had not been there, in their order."""
    model = PickyModel()
    estimated = estimate_each(model, rows_of(incomes))
    good = [income for income in incomes if income > 0]
    assert estimated.failures.keys() == {index for index, income in enumerate(incomes) if income <= 0}
    if not good:
        assert estimated.estimates is None
        return
    expected = IncomeModel().estimate(rows_of(good))
    found = estimated.estimates
    assert found is not None
    assert found.interval is not None
    assert expected.interval is not None
    np.testing.assert_array_equal(found.median_house_value, expected.median_house_value)
    np.testing.assert_array_equal(found.ocean_proximity, expected.ocean_proximity)
    np.testing.assert_array_equal(found.interval.bounds, expected.interval.bounds)
    np.testing.assert_array_equal(found.interval.upper_open, expected.interval.upper_open)
    np.testing.assert_array_equal(found.warned, expected.warned)


def test_model_that_fails_altogether_is_not_tried_for_every_row() -> None:
    """The number of runs is bounded; every row fails."""
    model = PickyModel()
    assert len(estimate_each(model, rows_of([-1.0] * 10_000)).failures) == 10_000
    assert model.runs < 300


def test_good_rows_cost_one_run() -> None:
    """Looking for rows at fault begins when there are some."""
    model = PickyModel()
    assert not estimate_each(model, rows_of([1.0] * 1_000)).failures
    assert model.runs == 1


def test_answers_that_are_of_use_only_together_are_not_looked_for() -> None:
    """The first row at fault is enough."""
    model = PickyModel()
    estimated = estimate_each(model, rows_of([1.0] * 500 + [-1.0] * 500), all_or_none=True)
    assert estimated.failures == {500: "ZeroDivisionError: no such income"}
    assert model.runs < 20


def unsound(**outputs: Any) -> Estimates:
    """What a model returns for two rows, some of it not sound."""
    usual: dict[str, Any] = {
        "median_house_value": np.array([1.0, 2.0]),
        "ocean_proximity": np.array([0, -1]),
        "interval": Intervals(bounds=np.array([[0.0, 2.0], [1.0, 3.0]]), upper_open=np.array([False, True])),
        "warned": np.zeros((2, 1), dtype=np.bool_),
    }
    return Estimates(**usual | outputs)


@pytest.mark.parametrize("count", [1, 50], ids=["few rows", "many rows"])
@pytest.mark.parametrize(
    "estimates",
    [
        unsound(median_house_value=np.array([1.0, np.nan])),
        unsound(median_house_value=np.array([1.0, np.inf])),
        unsound(ocean_proximity=np.array([0, 5])),
        unsound(ocean_proximity=np.array([0, -2])),
        unsound(interval=Intervals(bounds=np.array([[0.0, 2.0], [3.0, 1.0]]), upper_open=np.zeros(2, np.bool_))),
        unsound(interval=Intervals(bounds=np.array([[0.0, 2.0], [np.nan, 3]]), upper_open=np.zeros(2, np.bool_))),
        unsound(interval=Intervals(bounds=np.array([[0.0, 2.0], [1, np.inf]]), upper_open=np.zeros(2, np.bool_))),
    ],
    ids=["nan", "infinite", "label", "negative label", "order", "nan bound", "infinite bound"],
)
def test_answer_that_is_not_sound_is_none(estimates: Estimates, count: int) -> None:
    """Of the row that it belongs to; the other one is answered."""

    class Model(IncomeModel):
        """Answers so, again and again."""

        def estimate(self, rows: Rows) -> Estimates:
            """Answer."""
            return repeated(estimates, len(rows) // 2)

    failures = estimate_each(Model(), rows_of([1.0, 2.0] * count)).failures
    assert sorted(failures) == list(range(1, 2 * count, 2))


def repeated(estimates: Estimates, times: int) -> Estimates:
    """Estimates of the same rows again and again."""
    interval = estimates.interval
    assert interval is not None
    assert estimates.warned is not None
    return Estimates(
        median_house_value=np.tile(estimates.median_house_value, times),
        ocean_proximity=np.tile(estimates.ocean_proximity, times),
        interval=Intervals(bounds=np.tile(interval.bounds, (times, 1)), upper_open=np.tile(interval.upper_open, times)),
        warned=np.tile(estimates.warned, (times, 1)),
    )


@pytest.mark.parametrize(
    "outputs",
    [
        {"median_house_value": np.array([1.0])},
        {"median_house_value": np.array([[1.0], [2.0]])},
        {"median_house_value": np.array(["1", "2"])},
        {"ocean_proximity": np.array([0.5, 1.0])},
        {"interval": Intervals(bounds=np.zeros((2, 3)), upper_open=np.zeros(2, np.bool_))},
        {"warned": np.zeros((2, 2), dtype=np.bool_)},
    ],
)
def test_answer_of_another_shape_or_type_is_none(outputs: dict[str, Any]) -> None:
    """Nobody can say which row a price belongs to."""

    class Model(IncomeModel):
        """Answers so, whatever it is asked."""

        def estimate(self, rows: Rows) -> Estimates:  # noqa: ARG002
            """Answer."""
            return unsound(**outputs)

    assert estimate_each(Model(), rows_of([1.0, 2.0])).failures.keys() == {0, 1}
