"""Figures of how good predictions are."""

import numpy as np
import pytest
from sklearn.metrics import mean_absolute_error, mean_absolute_percentage_error, r2_score, root_mean_squared_error

from housing_training.metrics.prices import Metrics


def test_figures_are_those_of_scikit_learn() -> None:
    """Each is the one that readers know by its name, rounded."""
    rng = np.random.default_rng(1)
    prices = rng.uniform(15_000, 500_000, 1_000)
    predicted = prices + rng.normal(0, 40_000, 1_000)

    figures = Metrics.of(prices, predicted)

    assert figures.rmse == pytest.approx(root_mean_squared_error(prices, predicted), abs=0.01)
    assert figures.mae == pytest.approx(mean_absolute_error(prices, predicted), abs=0.01)
    assert figures.mape == pytest.approx(mean_absolute_percentage_error(prices, predicted), abs=1e-5)
    assert figures.r2 == pytest.approx(r2_score(prices, predicted), abs=1e-5)


@pytest.mark.parametrize("predicted", [200_000.0, 210_000.0])
def test_prices_that_are_all_the_same_leave_nothing_to_explain(predicted: float) -> None:
    """As in scikit-learn, the share explained is 1 if predictions are right and 0 otherwise, not infinite."""
    prices, predictions = np.full(10, 200_000.0), np.full(10, predicted)

    assert Metrics.of(prices, predictions).r2 == r2_score(prices, predictions)
