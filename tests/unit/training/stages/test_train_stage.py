"""Training all candidates, one after the other."""

from typing import Any

import pandas as pd
import pytest

from housing_training.data.preparation import fill_ocean_proximity
from housing_training.data.rows import Prices, Rows
from housing_training.data.table import prices_from_frame, rows_from_frame
from housing_training.errors import ParityError
from housing_training.params.schema import TrainParams
from housing_training.stages import train
from housing_training.stages.train import train_candidates

PARAMS = TrainParams(
    seed=1,
    folds=2,
    candidates={"linear_regression": {}, "decision_tree": {"max_depth": 4}, "xgboost": {"n_estimators": 5}},
)


@pytest.fixture
def rows(made_up: pd.DataFrame) -> Rows:
    """The made-up block groups."""
    return rows_from_frame(fill_ocean_proximity(made_up))


@pytest.fixture
def prices(made_up: pd.DataFrame) -> Prices:
    """Their prices."""
    return prices_from_frame(made_up)


def test_candidates_come_in_their_order_each_with_its_own_graph(rows: Rows, prices: Prices) -> None:
    """Though one is compiled while the next is trained, graph, golden requests and report belong together."""
    found = list(train_candidates(rows, prices, rows[:60], PARAMS))

    assert [each.name for each in found] == list(PARAMS.candidates)
    assert len({each.model.SerializeToString() for each in found}) == len(found)
    assert all(each.report["parity"]["largest_difference_usd"] <= 1 for each in found)
    assert (
        len({each.report["cv_rmse"] for each in found}) == len({each.golden.to_json() for each in found}) == len(found)
    )


def test_a_graph_that_answers_differently_ends_training(
    rows: Rows, prices: Prices, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The error that is found beside the training of the next candidate is raised."""

    def differ(*_: Any) -> None:
        raise ParityError("graph and pipeline differ")

    monkeypatch.setattr(train, "check_parity", differ)

    with pytest.raises(ParityError, match="graph and pipeline differ"):
        list(train_candidates(rows, prices, rows[:60], PARAMS))
