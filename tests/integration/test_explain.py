"""Explanations by a real service: they follow the model, outlive the explainer's death, and are alike in JSON."""

import signal
from collections.abc import Iterator
from pathlib import Path

import grpc
import httpx
import psutil
import pytest
from google.protobuf import json_format
from google.rpc.error_details_pb2 import ErrorInfo
from google.rpc.status_pb2 import Status
from grpc_status import rpc_status

from explained_models import california, explained_files
from housing.rows import message_from_row
from housing.v1.block_group_pb2 import BlockGroup
from housing.v1.explanation_service_pb2 import ExplainRequest, ExplainResponse
from housing.v1.explanation_service_pb2_grpc import ExplanationServiceStub
from housing.v1.prediction_service_pb2 import PredictRequest
from housing.v1.prediction_service_pb2_grpc import PredictionServiceStub
from registries import add_version, copied, income_graph, log_graph, point_alias, registry, shared_registry
from running import Service, http_get, running_gateway, running_service, wait_for

EXPLAINED, STEEPER, UNEXPLAINED = "123"
"""Versions in the registry."""


@pytest.fixture(scope="module")
def versions(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A registry with two versions that can be explained, and one that cannot."""
    return shared_registry(tmp_path_factory, "explained", make_versions)


def make_versions(state_dir: Path) -> None:
    """Make that registry."""
    registry(state_dir, explained_files().log)
    add_version(state_dir, explained_files(slope=30_000).log)
    add_version(state_dir, lambda: log_graph(income_graph()))
    point_alias(state_dir, EXPLAINED)


@pytest.fixture
def folder(versions: Path, tmp_path: Path) -> Path:
    """A state folder with a copy of that registry; the first version is the champion."""
    return copied(versions, tmp_path)


@pytest.fixture(scope="module")
def service(versions: Path) -> Iterator[Service]:
    """A service that explains."""
    with running_service(versions, explainer="on") as running:
        running.command.wait_for("explainer serving")
        yield running


@pytest.fixture
def channel(service: Service) -> Iterator[grpc.Channel]:
    """A connection to it."""
    with grpc.insecure_channel(service.target) as opened:
        yield opened


def block_groups(count: int) -> list[BlockGroup]:
    """Valid block groups."""
    return [message_from_row(row) for row in california(count).tolist()]


def explained(channel: grpc.Channel, block_group: BlockGroup) -> ExplainResponse:
    """Ask for an explanation."""
    return ExplanationServiceStub(channel).Explain(ExplainRequest(block_group=block_group), timeout=60)


def refusal(channel: grpc.Channel, block_group: BlockGroup) -> tuple[str, str, str]:
    """Ask for an explanation that is refused: code, reason and message."""
    with pytest.raises(grpc.RpcError) as error:
        explained(channel, block_group)
    return worded(error.value)


def worded(error: grpc.RpcError) -> tuple[str, str, str]:
    """Code, reason and message of a refusal."""
    assert isinstance(error, grpc.Call)
    status = rpc_status.from_call(error)
    assert status is not None
    info = ErrorInfo()
    assert status.details[-1].Unpack(info)
    return error.code().name, info.reason, status.message


def test_explained_price_is_the_predicted_one_and_the_contributions_add_up_to_it(channel: grpc.Channel) -> None:
    """By another process, but of the same model."""
    predictions = PredictionServiceStub(channel)
    for block_group in block_groups(30):
        predicted = predictions.Predict(PredictRequest(block_group=block_group))
        answer = explained(channel, block_group)
        assert answer.median_house_value == predicted.median_house_value
        assert answer.interval == predicted.interval
        assert answer.model_version == predicted.model_version == EXPLAINED
        total = answer.base_value + sum(each.contribution for each in answer.contributions)
        assert total == pytest.approx(answer.median_house_value, abs=1)


def test_explainer_follows_the_model_and_stops_in_good_order(folder: Path) -> None:
    """A new version is explained soon after it is served; one that cannot be is not, and the next one is again."""
    (block_group,) = block_groups(1)
    with running_service(folder, explainer="on", model_poll_seconds=0) as service:
        service.command.wait_for("explainer serving")
        with grpc.insecure_channel(service.target) as channel:
            before = explained(channel, block_group)
            change_version(service, folder, STEEPER, count=2)
            assert explained(channel, block_group).model_version == STEEPER
            change_version(service, folder, UNEXPLAINED, count=3)
            code, reason, message = refusal(channel, block_group)
            assert (code, reason) == ("UNIMPLEMENTED", "EXPLANATION_NOT_AVAILABLE")
            assert message.startswith(f"version {UNEXPLAINED} of california-housing was registered without")
            change_version(service, folder, EXPLAINED, count=4)
            assert explained(channel, block_group) == before
        service.command.send(signal.SIGTERM)
        assert service.command.exit_code() == 0
    assert not service.command.events("killed processes that did not stop in time")


def change_version(service: Service, folder: Path, version: str, count: int) -> None:
    """Make a version the champion, and wait until the explainer tells of a model for the so-many-th time: of this."""
    point_alias(folder, version)
    service.command.send(signal.SIGHUP)
    assert service.command.wait_for("explainer serving", count=count)["model_version"] == version


def explainer(service: Service) -> psutil.Process:
    """The explainer's process."""
    (found,) = (
        process
        for process in psutil.Process(service.command.pid).children()
        if "housing_server.processes.explainer" in process.cmdline()
    )
    return found


def test_killed_explainer_is_replaced(service: Service, channel: grpc.Channel) -> None:
    """After kill -9 a call is answered as before, or refused as one that may be made again."""
    (block_group,) = block_groups(1)
    before = explained(channel, block_group)
    killed = explainer(service)
    killed.kill()
    refused: list[tuple[str, str, str]] = []

    def answered() -> ExplainResponse | None:
        try:
            return explained(channel, block_group)
        except grpc.RpcError as error:
            refused.append(worded(error))
            return None

    assert wait_for(answered, "an explanation") == before
    # None is refused where the first call reaches the new process.
    assert {each[:2] for each in refused} <= {("UNAVAILABLE", "SERVICE_UNAVAILABLE")}
    assert explainer(service).pid != killed.pid
    assert service.command.wait_for("explainer serving", count=2)["model_version"] == EXPLAINED


def test_explainer_is_measured_and_carries_nothing_of_training(service: Service) -> None:
    """It has its label in the metrics of processes, and needs no library that a worker does not."""
    text = http_get(f"http://127.0.0.1:{service.metrics_port}/metrics").text
    assert 'housing_process_resident_memory_bytes{process="explainer"}' in text
    libraries = {each.path for each in explainer(service).memory_maps()}
    assert not any(name in path for path in libraries for name in ("/sklearn/", "/pandas/", "/xgboost/", "/scipy/"))


def test_service_without_an_explainer_says_so(folder: Path) -> None:
    """Nothing else is different, and no process runs for it."""
    (block_group,) = block_groups(1)
    with (
        running_service(folder, explainer="off") as service,
        grpc.insecure_channel(service.target) as channel,
    ):
        PredictionServiceStub(channel).Predict(PredictRequest(block_group=block_group))
        code, reason, message = refusal(channel, block_group)
        assert (code, reason) == ("UNIMPLEMENTED", "EXPLANATION_NOT_AVAILABLE")
        assert "HOUSING_EXPLAINER is off" in message
        with pytest.raises(ValueError, match="not enough values"):
            explainer(service)


def test_explanations_are_alike_in_json(service: Service, channel: grpc.Channel, tmp_path: Path) -> None:
    """Through Envoy the answer is the message in JSON, and a bad block group is refused as by Predict."""
    (block_group,) = block_groups(1)
    body = json_format.MessageToDict(block_group, preserving_proto_field_name=True)
    with (
        running_gateway(service, tmp_path) as port,
        httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=60) as http,
    ):
        answer = http.post("/api/explain", json=body)
        assert json_format.Parse(answer.text, ExplainResponse()) == explained(channel, block_group)
        for bad in ({**body, "latitude": 50}, {"longitude": -120}, {**body, "population": "many"}):
            refused, predicted = (http.post(path, json=bad) for path in ("/api/explain", "/api/predict"))
            assert refused.status_code == 400
            assert refused.json() == predicted.json()


def test_bad_block_group_is_refused_alike_over_grpc(channel: grpc.Channel) -> None:
    """With the status that Predict would have answered."""
    bad = BlockGroup(longitude=-122, latitude=50)
    statuses: list[Status | None] = []
    for ask in (
        lambda: explained(channel, bad),
        lambda: PredictionServiceStub(channel).Predict(PredictRequest(block_group=bad)),
    ):
        with pytest.raises(grpc.RpcError) as error:
            ask()
        assert isinstance(error.value, grpc.Call)
        statuses.append(rpc_status.from_call(error.value))
    assert statuses[0] == statuses[1]
