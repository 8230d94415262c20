"""The champion learns nothing from prices that tell nothing: no row sees its own price in its neighbours'."""

from collections.abc import Callable

import numpy as np
import pytest
from sklearn.metrics import r2_score

from housing_training.experts.cross_fitting import area_folds, cross_fit, random_folds
from housing_training.experts.experts import Experts
from housing_training.geography.neighbours import NAMES
from housing_training.params.schema import MIXTURE, MixtureParams
from model.real_data import Data

Parting = Callable[[np.ndarray], list[tuple[np.ndarray, np.ndarray]]]


@pytest.fixture(scope="module")
def params(data: Data) -> MixtureParams:
    """The champion's parameters, with fewer trees."""
    given = MixtureParams.of(MIXTURE, data.params.train.candidates[MIXTURE])
    fewer = {name: {**getattr(given, name), "n_estimators": 60} for name in ("local", "regional")}
    return given.model_copy(update=fewer)


@pytest.fixture(scope="module")
def shuffled(data: Data) -> np.ndarray:
    """The training prices, dealt out anew."""
    return np.random.default_rng(11).permutation(data.prices)


@pytest.mark.parametrize("parting", [lambda rows: random_folds(rows, 3, seed=1), lambda rows: area_folds(rows, 3)])
def test_shuffled_prices_give_no_skill(
    data: Data, params: MixtureParams, shuffled: np.ndarray, parting: Parting
) -> None:
    """Held out at random or by area, prices that were assigned at random cannot be predicted."""
    for fold in cross_fit(params, data.rows, shuffled, parting(data.rows), seed=1):
        assert r2_score(shuffled[fold.rows], fold.estimate.prices) < 0.005


def test_neighbours_of_shuffled_prices_tell_nothing_of_a_rows_own(
    data: Data, params: MixtureParams, shuffled: np.ndarray
) -> None:
    """Left out of its own neighbours, no row's price goes together with theirs, on average over all rows."""
    known = Experts.fit(params, data.rows, shuffled, seed=1).neighbourhood.leave_one_out()

    prices = [column for column, name in enumerate(NAMES) if "price" in name]
    correlations = [np.corrcoef(known[:, column], shuffled)[0, 1] for column in prices]
    assert np.abs(correlations).max() < 0.04
