"""Predictions on real rows, asked for in every way that the product offers."""

import json
import subprocess
from collections.abc import Callable
from typing import Any, Protocol

import grpc
import httpx
import pytest

from housing.rows import message_from_mapping
from housing.v1.prediction_service_pb2 import BatchPredictRequest, PredictRequest, StreamPredictRequest
from housing.v1.prediction_service_pb2_grpc import PredictionServiceStub
from housing_client import PredictionClient
from running import TRANSPORTS, tool

BlockGroup = dict[str, float | str]


class Product(Protocol):
    """What these tests need of the running product."""

    grpc_port: int
    gateway_port: int


@pytest.fixture(scope="module", params=TRANSPORTS)
def product(request: pytest.FixtureRequest, products: Callable[[str], Any]) -> Any:
    """The product over each transport."""
    return products(request.param)


def grpcurl(port: int, method: str, request: object = None) -> dict[str, Any]:
    """Call a method as a person would, knowing the contract by reflection only."""
    command = [tool("grpcurl", "install Go, and run make tools"), "-plaintext", "-d", "@", f"127.0.0.1:{port}", method]
    result = subprocess.run(command, input=json.dumps(request or {}), capture_output=True, text=True, check=True)
    answer: dict[str, Any] = json.loads(result.stdout)
    return answer


def test_example_is_answered_alike_by_json_grpcurl_and_client(
    product: Product, http: httpx.Client, berkeley: BlockGroup
) -> None:
    """The README's block group is worth between 300,000 and 520,000 USD, however it is asked for."""
    answer = http.post("/api/predict", json=berkeley)
    assert answer.status_code == 200
    price = answer.json()["median_house_value"]
    assert 300_000 < price < 520_000
    for port in (product.grpc_port, product.gateway_port):
        called = grpcurl(port, "housing.v1.PredictionService/Predict", {"block_group": berkeley})
        assert called["median_house_value"] == price
    with PredictionClient(f"127.0.0.1:{product.grpc_port}") as client:
        assert client.predict(berkeley).median_house_value == price


def test_thousand_rows_are_answered_alike_by_json_grpcurl_and_client(
    product: Product, http: httpx.Client, census_rows: list[BlockGroup]
) -> None:
    """A batch through JSON, grpcurl and the client gives the same prices to the dollar, in order."""
    request = {"block_groups": census_rows}
    by_json = prices(http.post("/api/predict/batch", json=request).raise_for_status().json())
    by_grpcurl = prices(grpcurl(product.grpc_port, "housing.v1.PredictionService/BatchPredict", request))
    with PredictionClient(f"127.0.0.1:{product.grpc_port}") as client:
        by_client = [each.median_house_value for each in client.predict_batch(census_rows)]
    assert len(by_json) == len(census_rows)
    assert by_json == pytest.approx(by_client, abs=1)
    assert by_grpcurl == pytest.approx(by_client, abs=1)


def prices(answer: dict[str, Any]) -> list[float]:
    """The prices of a batch's answer."""
    return [each["median_house_value"] for each in answer["predictions"]]


def test_batch_stream_and_singles_agree(channel: grpc.Channel, census_rows: list[BlockGroup]) -> None:
    """A row's price does not depend on what it is asked together with."""
    stub = PredictionServiceStub(channel)
    messages = [message_from_mapping(row) for row in census_rows[:100]]
    batch = stub.BatchPredict(BatchPredictRequest(block_groups=messages)).predictions
    stream = stub.StreamPredict(StreamPredictRequest(block_group=message) for message in messages)
    singles = [stub.Predict(PredictRequest(block_group=message)).median_house_value for message in messages]
    # Matrix products of one row and of many add up in another order, so the last bits may differ.
    assert [each.median_house_value for each in batch] == pytest.approx(singles, abs=1)
    assert [each.prediction.median_house_value for each in stream] == pytest.approx(singles, abs=1)


def test_fields_that_may_be_left_out_hardly_matter(http: httpx.Client, census_rows: list[BlockGroup]) -> None:
    """Without bedrooms and label the price of a typical row moves by less than a tenth."""
    sparse = [
        {name: value for name, value in row.items() if name not in {"total_bedrooms", "ocean_proximity"}}
        for row in census_rows
    ]
    whole, partial = (
        prices(http.post("/api/predict/batch", json={"block_groups": rows}).raise_for_status().json())
        for rows in (census_rows, sparse)
    )
    moves = sorted(abs(one - other) / one for one, other in zip(whole, partial, strict=True))
    assert moves[len(moves) // 2] < 0.1


def test_json_answers_are_flat_and_named_as_in_the_contract(http: httpx.Client, berkeley: BlockGroup) -> None:
    """A JSON client sees the contract's own names, and an empty list rather than nothing."""
    answer = http.post("/api/predict", json=berkeley).json()
    assert set(answer) == {
        "prediction_id",
        "median_house_value",
        "interval",
        "model_name",
        "model_version",
        "predicted_at",
        "warnings",
    }
    assert answer["interval"].keys() == {"lower", "upper", "coverage", "upper_open"}
    assert answer["warnings"] == []


def test_warning_reaches_json_clients(http: httpx.Client, berkeley: BlockGroup) -> None:
    """More households than people is answered, with a warning that names the field."""
    answer = http.post("/api/predict", json=berkeley | {"households": 400})
    assert answer.status_code == 200
    (warning,) = answer.json()["warnings"]
    assert (warning["reason"], warning["field"]) == ("HOUSEHOLDS_EXCEED_POPULATION", "households")


def test_health_checks_answer_grpcurl(product: Product) -> None:
    """Standard health checks are answered by the server and through the gateway."""
    for port in (product.grpc_port, product.gateway_port):
        assert grpcurl(port, "grpc.health.v1.Health/Check") == {"status": "SERVING"}
