"""The estimate of the champion's error on real rows unlike those of training, before their prices are known."""

import numpy as np
import pytest

from housing.features import FEATURE_NAMES
from housing.v1.model_profile_pb2 import ExpectedErrors
from housing_monitoring.estimated_error import EstimateCheck, check_estimate
from housing_monitoring.window import LoggedPrediction
from housing_training.evaluation.expected_errors import expected_errors
from model.real_data import Data, Fitted

LATITUDE, INCOME, PROXIMITY = (FEATURE_NAMES.index(name) for name in ("latitude", "median_income", "ocean_proximity"))


class Live:
    """Half of the rows held out stand for training, the other half for what is asked for later."""

    def __init__(self, data: Data, champion: Fitted) -> None:
        graph, calibrating = champion.graph, np.random.default_rng(0).random(len(data.test_rows)) < 0.5
        self.reasons = [warning["reason"] for warning in graph.warnings]
        self.expected = self._measured(graph.answer(data.test_rows[calibrating]), data.test_prices[calibrating])
        self.rows, self.prices = data.test_rows[~calibrating], data.test_prices[~calibrating]
        self.answer = graph.answer(self.rows)
        self.predicted = self.answer["median_house_value"]

    def _measured(self, answer: dict[str, np.ndarray], prices: np.ndarray) -> ExpectedErrors:
        expected = expected_errors(answer, prices, self.reasons)
        assert expected is not None
        return expected

    def _interval(self, index: int) -> tuple[float, float, bool]:
        lower, upper = map(float, self.answer["interval"][index])
        return lower, upper, bool(self.answer["interval_upper_open"][index])

    def check(self, which: np.ndarray) -> EstimateCheck:
        """Estimate the error of some rows, and look it up."""
        asked = [
            LoggedPrediction(
                prediction_id=str(index),
                predicted_at=0,
                model_version="1",
                row=tuple(self.rows[index]),
                median_house_value=float(self.predicted[index]),
                interval=self._interval(index),
                warnings=tuple(np.array(self.reasons)[self.answer["warnings"][index]]),
                true_price=float(self.prices[index]),
            )
            for index in np.flatnonzero(which).tolist()
        ]
        found = check_estimate(self.expected, "1", asked)
        assert found is not None
        return found


@pytest.fixture(scope="module")
def live(data: Data, champion: Fitted) -> Live:
    """The rows, their answers and prices."""
    return Live(data, champion)


SHIFTS = {
    "all": lambda live: live.predicted > 0,
    "expensive": lambda live: live.predicted > 350_000,
    "dear": lambda live: live.predicted > 250_000,
    "cheap": lambda live: live.predicted < 100_000,
    "rich": lambda live: live.rows[:, INCOME] > 6,
    "rare north": lambda live: live.rows[:, LATITUDE] > 38.5,
    "bay and islands": lambda live: live.rows[:, PROXIMITY] >= 3,
}


@pytest.mark.parametrize("shift", SHIFTS)
def test_estimate_is_right_within_its_band(live: Live, shift: str) -> None:
    """For the absolute error of whatever part of the state and of the prices is asked for."""
    found = live.check(SHIFTS[shift](live))
    assert found.estimated.mean_absolute_error.holds(found.mean_absolute_error), found
    assert found.estimated.root_mean_squared_error.holds(found.root_mean_squared_error), found


def test_estimate_moves_with_the_error(live: Live) -> None:
    """Errors of dear homes are three times those of cheap ones, and the estimate knows without their prices."""
    cheap, dear = live.check(SHIFTS["cheap"](live)), live.check(SHIFTS["expensive"](live))
    assert dear.mean_absolute_error > 2.5 * cheap.mean_absolute_error
    assert dear.estimated.mean_absolute_error.lower > 2 * cheap.estimated.mean_absolute_error.upper


def test_estimate_does_not_know_of_prices_that_have_changed(live: Live) -> None:
    """When all prices rise by half it stays as it is, and is outside its band once they come: the check shows that."""
    before = live.prices
    live.prices = before * 1.5
    found = live.check(SHIFTS["all"](live))
    live.prices = before
    assert not found.estimated.mean_absolute_error.holds(found.mean_absolute_error)
