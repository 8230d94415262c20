"""A peer's answer is held against the price that its model gives."""

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import grpc
import pytest

from housing.descriptors import descriptor_set
from housing.example import BERKELEY
from housing.v1.prediction_service_pb2 import PredictRequest, PredictResponse
from housing_benchmarks.asking import ask_over_grpc, ask_over_http, check_price
from housing_benchmarks.errors import BenchmarkError

PRICE = 409_757.09
METHOD = "housing.v1.PredictionService/Predict"


class Echo(BaseHTTPRequestHandler):
    """Answers a POST with its own body, at /echo."""

    def do_POST(self) -> None:
        """Answer."""
        body = self.rfile.read(int(self.headers["content-length"]))
        self.send_response(200 if self.path == "/echo" else 500)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class calls it so
        """Log nothing."""


def predict(request: PredictRequest, context: grpc.ServicerContext) -> PredictResponse:
    """Answer one price, to requests with a block group."""
    if not request.HasField("block_group"):
        context.abort(grpc.StatusCode.INVALID_ARGUMENT, "no block group")
    return PredictResponse(median_house_value=PRICE)


@pytest.fixture
def url() -> Iterator[str]:
    """Where an HTTP server answers."""
    server = HTTPServer(("127.0.0.1", 0), Echo)
    thread = Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def target() -> Iterator[str]:
    """Where a gRPC server answers."""
    server = grpc.server(ThreadPoolExecutor())
    method = grpc.unary_unary_rpc_method_handler(predict, PredictRequest.FromString, PredictResponse.SerializeToString)
    service, name = METHOD.split("/")
    server.add_generic_rpc_handlers([grpc.method_handlers_generic_handler(service, {name: method})])
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    yield f"127.0.0.1:{port}"
    server.stop(None).wait()


@pytest.fixture
def contract(tmp_path: Path) -> Path:
    """The contract's descriptors."""
    path = tmp_path / "contract.binpb"
    path.write_bytes(descriptor_set().SerializeToString())
    return path


def test_json_is_posted_and_read(url: str) -> None:
    """What a peer answers over HTTP is handed on."""
    assert ask_over_http(f"{url}/echo", {"a": [1.5]}) == {"a": [1.5]}


def test_http_error_is_told(url: str) -> None:
    """A bad status is no answer."""
    with pytest.raises(BenchmarkError, match="500"):
        ask_over_http(f"{url}/elsewhere", {})


def test_message_is_made_from_its_descriptor(target: str, contract: Path) -> None:
    """A peer's method is called without its generated code."""
    answer = ask_over_grpc(target, contract, METHOD, {"blockGroup": dict(BERKELEY)})
    assert answer == {"medianHouseValue": PRICE}


def test_grpc_error_is_told(target: str, contract: Path) -> None:
    """A status that is not OK is no answer."""
    with pytest.raises(BenchmarkError, match="no block group"):
        ask_over_grpc(target, contract, METHOD, {})


@pytest.mark.parametrize(
    "answer", [PRICE, [PRICE], {"predictions": [PRICE + 0.05]}, {"outputs": [{"shape": [1], "data": [PRICE]}]}]
)
def test_price_is_found_in_any_form(answer: Any) -> None:
    """Peers wrap the price in lists and objects, and some have only a float32's digits of it."""
    check_price(json.loads(json.dumps(answer)), PRICE)


@pytest.mark.parametrize("answer", [PRICE + 100, {"predictions": []}, {"error": "no model"}, str(PRICE)])
def test_another_price_is_an_error(answer: Any) -> None:
    """A peer that answers quickly but wrongly is not measured."""
    with pytest.raises(BenchmarkError, match=r"its Pipeline predicts 409,757\.09"):
        check_price(answer, PRICE)
