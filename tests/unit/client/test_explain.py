"""Explanations as the clients return them."""

import pytest

from housing.features import FEATURE_NAMES
from housing_client import (
    AsyncPredictionClient,
    Contribution,
    InvalidRequestError,
    PredictionClient,
    PredictionInterval,
)
from unit.client.fake_prediction_service import BERKELEY

PRICE = 83_252.0


def test_client_returns_plain_values(target: str) -> None:
    """The contributions are those of the nine fields, in the contract's order."""
    with PredictionClient(target) as client:
        found = client.explain(BERKELEY)
    assert tuple(each.field for each in found.contributions) == FEATURE_NAMES
    assert Contribution(field="median_income", contribution=PRICE) in found.contributions
    assert found.base_value + sum(each.contribution for each in found.contributions) == found.median_house_value
    assert found.interval == PredictionInterval(lower=70_000, upper=500_001, coverage=0.9, upper_open=True)
    assert (found.unbounded_value, found.model_name, found.model_version) == (PRICE, "fake", "7")


async def test_asynchronous_client_answers_alike(target: str) -> None:
    """It has the same method."""
    with PredictionClient(target) as client:
        expected = client.explain(BERKELEY)
    async with AsyncPredictionClient(target) as client:
        assert await client.explain(BERKELEY) == expected


def test_bad_block_group_raises_with_its_fields(target: str) -> None:
    """As for a prediction."""
    with PredictionClient(target) as client, pytest.raises(InvalidRequestError) as error:
        client.explain(BERKELEY | {"longitude": -100.0})
    assert [each.field for each in error.value.violations] == ["block_group.longitude"]
