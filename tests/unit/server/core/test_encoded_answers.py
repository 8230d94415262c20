"""Answers that are encoded by hand are the messages that they would be otherwise."""

from dataclasses import replace

import numpy as np
import pytest

from housing.v1.prediction_service_pb2 import BatchPredictResponse, Prediction, PredictResponse
from housing_server.core.answers import Answers
from housing_server.core.encoded_answers import EncodedAnswers
from housing_server.core.model import Estimates
from serving_fakes import CALLER, NOW, IncomeModel


def answers(estimates: Estimates, rows: int) -> Answers:
    """Answers with these estimates, the second of which is to a row that is rare."""
    values = np.tile([-120.0, 37.0, 20.0, 100.0, 20.0, 50.0, 20.0, 5.0, 1.0], (rows, 1))
    values[1, 6] = 60.0  # more households than people
    return Answers.of(
        IncomeModel(),
        values,
        estimates,
        prediction_ids=[f"id-{'x' * row}" for row in range(rows)],
        predicted_at=NOW,
        latency_seconds=[0.25],
        callers=[CALLER],
    )


@pytest.mark.parametrize("with_interval", [True, False])
def test_encoded_answer_is_the_message_of_the_answer(with_interval: bool) -> None:
    """With warnings and without, with prices of zero, bounds that are open and ids of any length."""
    rows = np.tile([-120.0, 37.0, 20.0, 100.0, 20.0, 50.0, 20.0, 5.0, 1.0], (4, 1))
    rows[:, 7] = [0.0, 5.0, 15.0, 0.5]
    estimates = IncomeModel().estimate(rows)
    made = answers(estimates if with_interval else replace(estimates, interval=None), 4)
    encoded = EncodedAnswers(made)
    messages = [PredictResponse.FromString(encoded.response(index)) for index in range(4)]
    assert messages == [made.response(index) for index in range(4)]
    assert [len(message.warnings) for message in messages] == [1, 1, 0, 1]
    assert all(message.HasField("interval") == with_interval for message in messages)


@pytest.mark.parametrize("with_interval", [True, False])
@pytest.mark.parametrize("id_size", [5, 36, 200])
def test_answers_to_a_batch_are_those_to_its_rows(id_size: int, with_interval: bool) -> None:
    """Encoded at once or one by one, with warnings and without."""
    rows = np.tile([-120.0, 37.0, 20.0, 100.0, 20.0, 50.0, 20.0, 5.0, 1.0], (40, 1))
    rows[:, 7] = np.linspace(0.0, 15.0, 40)
    estimates = IncomeModel().estimate(rows)
    made = answers(estimates if with_interval else replace(estimates, interval=None), 40)
    made = replace(made, prediction_ids=[f"{row:0{id_size}}" for row in range(40)])
    response = BatchPredictResponse.FromString(made.encoded_predictions())
    expected = [made.response(index) for index in range(40)]
    assert list(response.predictions) == [
        Prediction(
            prediction_id=each.prediction_id,
            median_house_value=each.median_house_value,
            interval=each.interval if with_interval else None,
            warnings=each.warnings,
        )
        for each in expected
    ]
    assert any(each.warnings for each in response.predictions)
