"""Every candidate's graph: what it was compared with, and how good it is."""

import pytest

from housing_training.graph.parity import TOLERANCE_USD
from housing_training.metrics.prices import Metrics
from model.real_data import Data, Fitted

WORST_RMSE = {
    "linear_regression": 66_000,
    "decision_tree": 57_000,
    "random_forest": 46_000,
    "xgboost": 44_000,
    "mixture_of_experts": 39_000,
    "student": 38_800,
}
"""The most that each may err on the rows held out, in USD."""


@pytest.mark.parametrize("name", WORST_RMSE)
def test_graphs_answer_like_their_pipelines_on_all_rows(candidates: dict[str, Fitted], name: str) -> None:
    """Training has compared all 20,640 rows, with and without optional fields: they are the same to the dollar."""
    parity = candidates[name].parity

    assert parity.answers == 3 * 20_640
    assert parity.largest_difference_usd <= TOLERANCE_USD


@pytest.mark.parametrize("name", WORST_RMSE)
def test_candidates_are_no_worse_than_they_were(data: Data, candidates: dict[str, Fitted], name: str) -> None:
    """The error on the rows held out stays below each candidate's mark."""
    assert rmse(data, candidates[name]) < WORST_RMSE[name]


def test_the_floors_name_all_candidates(data: Data) -> None:
    """A candidate that is added gets a mark too."""
    assert set(WORST_RMSE) == set(data.params.train.candidates)


def test_the_champion_explains_most_of_the_prices(data: Data, champion: Fitted) -> None:
    """At least 0.88 of the variance, off by less than 14 percent and 24,500 USD on average."""
    metrics = Metrics.of(data.test_prices, champion.graph.predict(data.test_rows))

    assert metrics.r2 > 0.88
    assert metrics.mape < 0.14
    assert metrics.mae < 24_500


def test_the_champion_is_small_enough_to_travel(champion: Fitted) -> None:
    """Its graph, the table of places included, is below 5 MB."""
    assert champion.size < 5_000_000


def test_the_student_is_no_worse_than_its_teacher(data: Data, champion: Fitted, teacher: Fitted) -> None:
    """By cross-validation, which decides, and on the rows held out."""
    assert champion.cv_rmse < teacher.cv_rmse
    assert rmse(data, champion) < rmse(data, teacher) + 100


def rmse(data: Data, fitted: Fitted) -> float:
    """The error of a candidate on the rows held out."""
    return Metrics.of(data.test_prices, fitted.graph.predict(data.test_rows)).rmse
