"""Explanations of the real champion: they add up on rows that it was not trained on, and name what matters."""

from typing import Any

import grpc
import httpx
import pytest

from housing.features import FEATURE_NAMES
from housing.rows import message_from_mapping
from housing.v1.block_group_pb2 import BlockGroup
from housing.v1.explanation_service_pb2 import ExplainRequest, ExplainResponse
from housing.v1.explanation_service_pb2_grpc import ExplanationServiceStub
from housing.v1.prediction_service_pb2 import BatchPredictRequest
from housing.v1.prediction_service_pb2_grpc import PredictionServiceStub

ROWS = 200


@pytest.fixture(scope="module", autouse=True)
def _explainer(product: Any) -> None:
    """Wait for the explainer, which takes a second longer to start than a worker."""
    product.service.command.wait_for("explainer serving")


@pytest.fixture(scope="module")
def block_groups(census_rows: list[dict[str, Any]]) -> list[BlockGroup]:
    """Rows held out of training."""
    return [BlockGroup(**row) for row in census_rows[:ROWS]]


@pytest.fixture(scope="module")
def explanations(channel: grpc.Channel, block_groups: list[BlockGroup]) -> list[ExplainResponse]:
    """Why their prices are what they are."""
    stub = ExplanationServiceStub(channel)
    requests = [ExplainRequest(block_group=block_group) for block_group in block_groups]
    return [stub.Explain(request, timeout=60) for request in requests]


def test_contributions_add_up_to_the_predicted_prices(
    channel: grpc.Channel, block_groups: list[BlockGroup], explanations: list[ExplainResponse]
) -> None:
    """To within a dollar of what BatchPredict answers, from one base value."""
    answered = PredictionServiceStub(channel).BatchPredict(BatchPredictRequest(block_groups=block_groups))
    for explanation, prediction in zip(explanations, answered.predictions, strict=True):
        total = explanation.base_value + sum(each.contribution for each in explanation.contributions)
        assert total == pytest.approx(prediction.median_house_value, abs=1)
        assert tuple(each.field for each in explanation.contributions) == FEATURE_NAMES
    assert len({explanation.base_value for explanation in explanations}) == 1
    mean = sum(each.median_house_value for each in answered.predictions) / ROWS
    assert explanations[0].base_value == pytest.approx(mean, rel=0.15)  # 200 of 4,128 rows


def test_place_and_income_matter_most(explanations: list[ExplainResponse]) -> None:
    """As everyone finds who models these prices; the counts, which go together, are taken together."""
    together = {
        "place": ("longitude", "latitude"),
        "age": ("housing_median_age",),
        "size": ("total_rooms", "total_bedrooms", "population", "households"),
        "income": ("median_income",),
        "label": ("ocean_proximity",),
    }

    def added(explanation: ExplainResponse, names: tuple[str, ...]) -> float:
        return abs(sum(each.contribution for each in explanation.contributions if each.field in names))

    mean = {name: sum(added(each, fields) for each in explanations) / ROWS for name, fields in together.items()}
    assert max(mean, key=mean.__getitem__) == "place"
    assert mean["income"] > 3 * mean["age"]
    assert mean["label"] == 0


def test_higher_income_contributes_more(channel: grpc.Channel, berkeley: dict[str, Any]) -> None:
    """The same block group, poor and rich."""
    stub, income = ExplanationServiceStub(channel), FEATURE_NAMES.index("median_income")
    contributions = [
        stub.Explain(ExplainRequest(block_group=message_from_mapping(berkeley | {"median_income": each})), timeout=60)
        .contributions[income]
        .contribution
        for each in (1.0, 4.0, 8.0)
    ]
    assert contributions[0] < 0 < contributions[2]
    assert contributions == sorted(contributions)


def test_json_adds_up_too(http: httpx.Client, berkeley: dict[str, Any]) -> None:
    """Contributions of nothing are spelt out."""
    answer = http.post("/api/explain", json=berkeley).json()
    total = answer["base_value"] + sum(each["contribution"] for each in answer["contributions"])
    assert total == pytest.approx(answer["median_house_value"], abs=1)
    assert [each["field"] for each in answer["contributions"]] == list(FEATURE_NAMES)
