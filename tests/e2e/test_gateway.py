"""The gateway: its configuration, its routes, gRPC and gRPC-Web through it, and what it says without a server."""

import signal
import struct
from pathlib import Path
from typing import Protocol

import grpc
import httpx
import pytest

from housing.rows import message_from_mapping
from housing.v1.prediction_service_pb2 import PredictRequest, PredictResponse, StreamPredictRequest
from housing.v1.prediction_service_pb2_grpc import PredictionServiceStub
from registries import make_income_registry, shared_registry
from running import HousingCommand, http_get, running_gateway, running_service, wait_for

BlockGroup = dict[str, float | str]


class Product(Protocol):
    """What these tests need of the running product."""

    gateway_port: int
    metrics_port: int


def test_every_route_of_the_old_interface_answers(http: httpx.Client) -> None:
    """The paths that clients of the old REST interface know are all there."""
    answers = {path: http.get(path) for path in ("/", "/health", "/metrics", "/api/model")}
    assert {path: answer.status_code for path, answer in answers.items()} == dict.fromkeys(answers, 200)
    assert answers["/"].headers["content-type"].startswith("text/html")
    assert answers["/health"].json()["status"] == "SERVICE_STATUS_SERVING"
    assert "housing_model_info" in answers["/metrics"].text
    assert answers["/api/model"].json()["model"]["name"] == "california-housing"


def test_model_route_tells_bounds_and_metrics(http: httpx.Client) -> None:
    """GetModel in JSON has numbers where the contract has numbers."""
    model = http.get("/api/model").json()["model"]
    longitude = model["features"][0]
    assert (longitude["name"], longitude["minimum"], longitude["maximum"]) == ("longitude", -124.6, -114.1)
    assert 30_000 < model["metrics"]["test_rmse"] < 45_000
    assert len(model["data_sha256"]) == 64


def test_model_card_route_gives_the_champions_card(http: httpx.Client) -> None:
    """GetModelCard in JSON is Markdown that tells the errors which GetModel tells."""
    card, model = http.get("/api/model/card").json(), http.get("/api/model").json()["model"]
    assert (card["model_name"], card["model_version"]) == (model["name"], model["version"])
    assert card["markdown"].startswith(f"# Model card: {model['name']}, {model['algorithm']}\n")
    assert f"{model['metrics']['test_rmse']:,.0f} USD as root mean square" in card["markdown"]


def test_native_grpc_passes_through(product: Product, berkeley: BlockGroup) -> None:
    """GRPC clients may use the gateway's port, streams included."""
    with grpc.insecure_channel(f"127.0.0.1:{product.gateway_port}") as channel:
        stub = PredictionServiceStub(channel)
        message = message_from_mapping(berkeley)
        single = stub.Predict(PredictRequest(block_group=message)).median_house_value
        stream = stub.StreamPredict(StreamPredictRequest(block_group=message) for _ in range(3))
        assert [answer.prediction.median_house_value for answer in stream] == [single] * 3


def test_native_grpc_keeps_error_details(product: Product) -> None:
    """A refusal reaches gRPC clients as the server has worded it."""
    with grpc.insecure_channel(f"127.0.0.1:{product.gateway_port}") as channel:
        with pytest.raises(grpc.RpcError) as error:
            PredictionServiceStub(channel).Predict(PredictRequest())
        assert error.value.code() is grpc.StatusCode.INVALID_ARGUMENT
        assert "grpc-status-details-bin" in {entry.key for entry in error.value.trailing_metadata()}


def test_grpc_web_is_answered(http: httpx.Client, berkeley: BlockGroup) -> None:
    """A browser's gRPC-Web client gets the message and the trailers in the body."""
    message = PredictRequest(block_group=message_from_mapping(berkeley)).SerializeToString()
    frame = struct.pack(">BI", 0, len(message)) + message
    answer = http.post(
        "/housing.v1.PredictionService/Predict",
        content=frame,
        headers={"content-type": "application/grpc-web+proto", "x-grpc-web": "1"},
    )
    assert answer.status_code == 200
    length = struct.unpack(">BI", answer.content[:5])[1]
    assert 300_000 < PredictResponse.FromString(answer.content[5 : 5 + length]).median_house_value < 520_000


def test_largest_legal_batch_passes_even_pretty_printed(http: httpx.Client, berkeley: BlockGroup) -> None:
    """Ten thousand rows with white space around every value are within the limits, and so is their answer."""
    row = ", ".join(f'"{name}":     {value!r}'.replace("'", '"') for name, value in berkeley.items())
    text = '{"block_groups": [' + ",\n        ".join(["{" + row + "}"] * 10_000) + "]}"
    assert len(http.post("/api/predict/batch", content=text).raise_for_status().json()["predictions"]) == 10_000


def test_without_a_server_the_gateway_says_so_and_recovers(
    tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """When the server is gone JSON clients get 503 in the usual form; when one is back, answers."""
    state_dir = shared_registry(tmp_path_factory, "income", make_income_registry)
    with running_service(state_dir) as service, running_gateway(service, tmp_path / "gateway") as port:
        health = f"http://127.0.0.1:{port}/health"
        assert http_get(health).status_code == 200
        service.command.send(signal.SIGTERM)
        assert service.command.exit_code() == 0
        refusal = http_get(health)
        assert refusal.status_code == 503
        assert refusal.json()["details"][0]["reason"] == "UNAVAILABLE"
        with running_service(state_dir, grpc_port=service.grpc_port, metrics_port=service.metrics_port):
            wait_for(lambda: True if http_get(health).status_code == 200 else None, "recovery")


def test_taken_port_is_said_in_one_line(product: Product) -> None:
    """A port that another gateway listens on is named, with the setting that moves it, and never shared."""
    with HousingCommand("gateway", environment={"HOUSING_GATEWAY_PORT": str(product.gateway_port)}) as command:
        assert command.exit_code() == 1
        (line,) = command.errors.splitlines()
    assert "HOUSING_GATEWAY_PORT" in line
