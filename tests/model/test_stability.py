"""Other seeds give other trees, and nearly the same prices."""

import numpy as np
import pytest

from housing_training.experts.experts import Experts
from housing_training.metrics.prices import Metrics
from housing_training.params.schema import MIXTURE, MixtureParams
from model.real_data import Data, Fitted


@pytest.fixture(scope="module")
def other_prices(data: Data) -> np.ndarray:
    """What experts trained with another seed say about the rows held out, in USD."""
    params = MixtureParams.of(MIXTURE, data.params.train.candidates[MIXTURE])
    return Experts.fit(params, data.rows, data.prices, data.params.train.seed + 1).estimate(data.test_rows).prices


def test_another_seed_is_as_good(data: Data, other_prices: np.ndarray) -> None:
    """The teacher's accuracy is no luck of the draw."""
    assert Metrics.of(data.test_prices, other_prices).rmse < 39_200


def test_another_seed_says_nearly_the_same(data: Data, teacher: Fitted, other_prices: np.ndarray) -> None:
    """Half of the prices move by less than 2.5 percent, and nineteen in twenty by less than 15."""
    prices = teacher.graph.predict(data.test_rows)
    moved = np.abs(other_prices - prices) / prices

    assert np.median(moved) < 0.025
    assert np.quantile(moved, 0.95) < 0.15
