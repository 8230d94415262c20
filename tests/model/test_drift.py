"""Drift on the real data: rows held out have not shifted, in windows of any size; other incomes have."""

import time
from functools import cache

import numpy as np
import pytest

from housing.features import FEATURE_NAMES
from housing_monitoring.comparison import pair_up
from housing_monitoring.drift import SHIFTED, Drift
from housing_monitoring.results import TrainingQuality
from housing_monitoring.service import ServedModel
from housing_monitoring.window import LoggedPrediction
from housing_training.evaluation.profile import model_profile
from model.real_data import Data, Fitted

WINDOWS = (500, 1000, 2000, 4128)
"""From the least that is judged to all rows held out."""
DRAWS = 10
"""How many windows of each size are drawn."""


class Service:
    """The champion, its profile, and windows of what it is asked."""

    def __init__(self, data: Data, champion: Fitted) -> None:
        self._rows = data.test_rows
        self._answer = champion.graph.predict
        training = TrainingQuality(
            model_version="1", mean_absolute_error=None, root_mean_squared_error=None, interval_coverage=None
        )
        profile = model_profile(data.rows, self._answer(data.test_rows))
        self._model = ServedModel(name="california-housing", training=training, profile=profile)
        self.drifts = cache(self.compare)

    def compare(self, size: int, draw: int, scale: float) -> dict[str, Drift]:
        """Draw rows held out, multiply their incomes, and compare them and their answers with the profile."""
        rows = np.random.default_rng(draw).choice(self._rows, size, replace=False)
        income = FEATURE_NAMES.index("median_income")
        rows[:, income] = np.minimum(rows[:, income] * scale, 20)  # the most that the contract accepts
        window = [
            LoggedPrediction(
                prediction_id=str(number),
                predicted_at=time.time(),
                model_version="1",
                row=tuple(row),
                median_house_value=answer,
            )
            for number, (row, answer) in enumerate(zip(rows.tolist(), self._answer(rows).tolist(), strict=True))
        ]
        return {each.distribution.name: each.drift() for each in pair_up(self._model, window)}


@pytest.fixture(scope="module")
def service(data: Data, champion: Fitted) -> Service:
    """The champion and windows of what it is asked."""
    return Service(data, champion)


@pytest.mark.parametrize("size", WINDOWS)
def test_rows_held_out_have_not_shifted(service: Service, size: int) -> None:
    """No field of any window comes near the threshold: half of it, at the most."""
    drifts = [drift for draw in range(DRAWS) for drift in service.drifts(size, draw, 1.0).values()]
    assert max(drift.psi for drift in drifts) < SHIFTED / 2


@pytest.mark.parametrize("size", WINDOWS)
def test_index_by_chance_is_what_is_said(service: Service, size: int) -> None:
    """Of 100 figures hardly any is above the bound that 99.9 % are to stay below."""
    drifts = [drift for draw in range(DRAWS) for drift in service.drifts(size, draw, 1.0).values()]
    assert sum(drift.psi > drift.by_chance for drift in drifts) <= 2


@pytest.mark.parametrize("size", WINDOWS)
def test_incomes_half_as_high_again_have_shifted(service: Service, size: int) -> None:
    """Every window shows it, far above the threshold, and shows no other input."""
    for draw in range(DRAWS):
        drifts = service.drifts(size, draw, 1.5)
        assert drifts["median_income"].psi > 2 * SHIFTED
        assert [name for name in FEATURE_NAMES if drifts[name].psi > SHIFTED] == ["median_income"]


@pytest.mark.parametrize("size", WINDOWS)
def test_answers_follow_the_shift(service: Service, size: int) -> None:
    """Other incomes make other prices: the answers' index is beyond chance."""
    for draw in range(DRAWS):
        answers = service.drifts(size, draw, 1.5)["median_house_value"]
        assert answers.psi > answers.by_chance
