"""The service as a whole: a supervisor and its workers, over real connections."""

import re
import subprocess
import threading
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import grpc
import pytest
from grpc_health.v1.health_pb2 import HealthCheckRequest, HealthCheckResponse
from grpc_health.v1.health_pb2_grpc import HealthStub
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import ProtoReflectionDescriptorDatabase

from housing.example import BERKELEY
from housing.features import FEATURE_NAMES
from housing.services import SERVICES
from housing.v1.block_group_pb2 import BlockGroup
from housing.v1.model_service_pb2 import GetModelCardRequest, GetModelRequest
from housing.v1.model_service_pb2_grpc import ModelServiceStub
from housing.v1.outcome_service_pb2 import OUTCOME_RESULT_RECORDED, RecordOutcomesRequest, TruePrice
from housing.v1.outcome_service_pb2_grpc import OutcomeServiceStub
from housing.v1.prediction_log_service_pb2 import GetPredictionRequest
from housing.v1.prediction_log_service_pb2_grpc import PredictionLogServiceStub
from housing.v1.prediction_service_pb2 import BatchPredictRequest, PredictRequest, StreamPredictRequest
from housing.v1.prediction_service_pb2_grpc import PredictionServiceStub
from housing.v1.status_service_pb2 import SERVICE_STATUS_SERVING, GetStatusRequest
from housing.v1.status_service_pb2_grpc import StatusServiceStub
from housing_client import InvalidRequestError, PredictionClient
from running import TRANSPORTS, Service, http_get, running_service, tool, transport_or_skip, wait_for

PRICE = 50_000 + 40_000 * 8.3252


@pytest.fixture(scope="module", params=TRANSPORTS)
def service(request: pytest.FixtureRequest, state_dir: Path) -> Iterator[Service]:
    """A service with two workers, over each transport."""
    with running_service(state_dir, workers=2, explainer="on", transport=transport_or_skip(request.param)) as running:
        yield running


def test_one_block_group_is_answered(channel: grpc.Channel, block_group: BlockGroup) -> None:
    """An answer holds the price, the model that computed it, a time and an id."""
    answer = PredictionServiceStub(channel).Predict(PredictRequest(block_group=block_group))
    assert answer.median_house_value == pytest.approx(PRICE)
    assert (answer.model_name, answer.model_version) == ("california-housing", "1")
    assert answer.prediction_id
    assert answer.predicted_at.ToSeconds() > 0


def test_batch_is_answered_in_order_with_ids_of_its_own(channel: grpc.Channel, block_group: BlockGroup) -> None:
    """Ten thousand rows, the most that is legal, come back in the order of their incomes."""
    incomes = [0.001 * number for number in range(10_000)]
    request = BatchPredictRequest(block_groups=[block_group] * len(incomes))
    for row, income in zip(request.block_groups, incomes, strict=True):
        row.median_income = income
    answer = PredictionServiceStub(channel).BatchPredict(request)
    expected = [50_000 + 40_000 * income for income in incomes]
    assert [each.median_house_value for each in answer.predictions] == pytest.approx(expected)
    assert len({each.prediction_id for each in answer.predictions}) == len(incomes)


def test_stream_goes_on_after_a_bad_block_group(channel: grpc.Channel, block_group: BlockGroup) -> None:
    """A bad block group is answered with its own error, the ones around it with prices."""
    requests = [
        StreamPredictRequest(block_group=block_group),
        StreamPredictRequest(),
        StreamPredictRequest(block_group=block_group),
    ]
    answers = list(PredictionServiceStub(channel).StreamPredict(iter(requests)))
    assert [answer.WhichOneof("result") for answer in answers] == ["prediction", "error", "prediction"]
    assert answers[1].error.code == grpc.StatusCode.INVALID_ARGUMENT.value[0]


def test_unusual_block_group_is_answered_with_a_warning(channel: grpc.Channel, block_group: BlockGroup) -> None:
    """More households than people is rare, not impossible."""
    unusual = BlockGroup()
    unusual.CopyFrom(block_group)
    unusual.households = block_group.population + 1
    answer = PredictionServiceStub(channel).Predict(PredictRequest(block_group=unusual))
    assert [(each.reason, each.field) for each in answer.warnings] == [("HOUSEHOLDS_EXCEED_POPULATION", "households")]
    assert answer.median_house_value == pytest.approx(PRICE)


def test_model_is_described(channel: grpc.Channel) -> None:
    """GetModel tells where the model comes from and what it reads."""
    model = ModelServiceStub(channel).GetModel(GetModelRequest()).model
    assert (model.name, model.version, model.alias) == ("california-housing", "1", "champion")
    assert (model.runtime, model.algorithm, model.data_sha256) == ("onnx", "test", "0" * 64)
    assert model.run_id
    assert model.trained_at.ToSeconds() > 0
    assert dict(model.metrics) == {"test_rmse": 50_000}
    assert tuple(feature.name for feature in model.features) == FEATURE_NAMES


def test_models_card_is_given(channel: grpc.Channel) -> None:
    """What was registered beside the graph comes back through the registry, the worker and the wire."""
    card = ModelServiceStub(channel).GetModelCard(GetModelCardRequest())
    assert (card.model_name, card.model_version, card.markdown) == ("california-housing", "1", "# Income alone\n")


def test_status_tells_of_workers_and_resources(channel: grpc.Channel) -> None:
    """GetStatus reports the whole service, whichever worker is asked."""
    stub = StatusServiceStub(channel)
    status = wait_for(
        lambda: found if (found := stub.GetStatus(GetStatusRequest())).prediction_log.store_up else None, "the log"
    )
    assert status.status == SERVICE_STATUS_SERVING
    assert status.model_loaded
    assert (status.workers.configured, status.workers.serving) == (2, 2)
    assert 0 < status.resources.memory_used_bytes < status.resources.memory_total_bytes
    assert 0 < status.resources.disk_used_bytes < status.resources.disk_total_bytes
    assert status.uptime_seconds > 0


@pytest.mark.parametrize("name", ["", *SERVICES])
def test_health_is_serving_overall_and_by_service(channel: grpc.Channel, name: str) -> None:
    """Standard health checks say that each service is served, as soon as the process that answers it is."""

    def serving() -> bool | None:
        answer = HealthStub(channel).Check(HealthCheckRequest(service=name))  # type: ignore[attr-defined]  # untyped stub
        return answer.status == HealthCheckResponse.SERVING or None

    wait_for(serving, f"the health of {name!r}")


def test_reflection_lists_the_services(channel: grpc.Channel) -> None:
    """Tools such as grpcurl can find the contract by asking."""
    found = ProtoReflectionDescriptorDatabase(channel)
    assert {*SERVICES, "grpc.health.v1.Health"} <= set(found.get_services())
    assert found.FindFileContainingSymbol("housing.v1.BlockGroup").name == "housing/v1/block_group.proto"


def test_reflection_describes_methods(service: Service) -> None:
    """A tool may ask for a method by its full name, as grpcurl and ghz do; a wrong one is said to be wrong."""
    grpcurl = tool("grpcurl", "install Go, and run make tools")

    def describe(symbol: str) -> str:
        command = [grpcurl, "-plaintext", service.target, "describe", symbol]
        result = subprocess.run(command, capture_output=True, text=True, check=False)
        return result.stdout + result.stderr

    assert "rpc Predict ( .housing.v1.PredictRequest )" in describe("housing.v1.PredictionService.Predict")
    assert "not found" in describe("housing.v1.PredictionService.Guess")


def test_oversized_message_is_refused(channel: grpc.Channel, block_group: BlockGroup) -> None:
    """A message far over the largest legal batch is refused before it is parsed."""
    request = BatchPredictRequest(block_groups=[block_group] * 60_000)
    with pytest.raises(grpc.RpcError) as refusal:
        PredictionServiceStub(channel).BatchPredict(request)
    assert refusal.value.code() == grpc.StatusCode.RESOURCE_EXHAUSTED


def test_side_port_answers_probes_metrics_and_page(service: Service) -> None:
    """The side port has a probe of life, one of readiness, the metrics and a page."""
    base = f"http://127.0.0.1:{service.metrics_port}"
    answers = {path: http_get(base + path) for path in ("/healthz", "/readyz", "/metrics", "/", "/other")}
    assert [answer.status_code for answer in answers.values()] == [200, 200, 200, 200, 404]
    assert 'housing_model_info{algorithm="test"' in answers["/metrics"].text
    assert "/metrics" in answers["/"].text


def test_each_call_is_logged_as_one_event(service: Service, channel: grpc.Channel, block_group: BlockGroup) -> None:
    """A call's event names its method, code and request id."""
    PredictionServiceStub(channel).Predict(
        PredictRequest(block_group=block_group), metadata=(("x-request-id", "it-1"),)
    )

    def logged() -> dict[str, object] | None:
        return next((event for event in service.command.events("rpc") if event["request_id"] == "it-1"), None)

    event = wait_for(logged, "the call's event")
    assert (event["method"], event["code"]) == ("Predict", "OK")


def test_calls_are_counted_by_method_and_code(service: Service, channel: grpc.Channel, block_group: BlockGroup) -> None:
    """Answered and refused ones, whichever worker they went to."""
    stub = PredictionServiceStub(channel)
    before = counted_calls(service)
    stub.Predict(PredictRequest(block_group=block_group))
    with pytest.raises(grpc.RpcError):
        stub.Predict(PredictRequest())
    more = Counter({"OK": 1, "INVALID_ARGUMENT": 1})
    wait_for(lambda: counted_calls(service) == before + more or None, "the counts")


def counted_calls(service: Service) -> Counter[str]:
    """Calls of Predict by code, as the metrics count them."""
    text = http_get(f"http://127.0.0.1:{service.metrics_port}/metrics").text
    found = re.findall(r'^grpc_server_handled_total\{grpc_code="(\w+)",grpc_method="Predict",.*\} (\S+)$', text, re.M)
    return Counter({code: int(float(count)) for code, count in found})


def test_compressed_request_is_answered(channel: grpc.Channel, block_group: BlockGroup) -> None:
    """With gzip, as gRPC's libraries compress."""
    request = BatchPredictRequest(block_groups=[block_group] * 100)
    answer = PredictionServiceStub(channel).BatchPredict(request, compression=grpc.Compression.Gzip)
    assert len(answer.predictions) == 100


def test_stream_ends_at_its_deadline(channel: grpc.Channel) -> None:
    """Though its caller neither sends nor ends."""
    done = threading.Event()

    def silence() -> Iterator[StreamPredictRequest]:
        done.wait()
        yield from ()

    call = PredictionServiceStub(channel).StreamPredict(silence(), timeout=0.1)
    assert call.code() is grpc.StatusCode.DEADLINE_EXCEEDED
    done.set()


def test_health_is_watched(channel: grpc.Channel) -> None:
    """The state comes at once; the watch goes on until its caller ends it."""
    request = HealthCheckRequest(service="housing.v1.PredictionService")
    watching = HealthStub(channel).Watch(request)  # type: ignore[attr-defined]  # untyped stub
    assert next(watching).status == HealthCheckResponse.SERVING
    watching.cancel()


def test_answer_is_on_record(channel: grpc.Channel, block_group: BlockGroup) -> None:
    """Read over the connection that it came by; its true price can be told there, and a bad question is refused."""
    log, outcomes = PredictionLogServiceStub(channel), OutcomeServiceStub(channel)
    answer = PredictionServiceStub(channel).Predict(PredictRequest(block_group=block_group))
    wanted = GetPredictionRequest(prediction_id=answer.prediction_id)
    found = log.GetPrediction(wanted, wait_for_ready=True, timeout=30).prediction
    assert (found.median_house_value, found.block_group) == (answer.median_house_value, block_group)
    outcome = TruePrice(prediction_id=answer.prediction_id, median_house_value=400_000)
    recorded = outcomes.RecordOutcomes(RecordOutcomesRequest(outcomes=[outcome])).outcomes
    assert [each.result for each in recorded] == [OUTCOME_RESULT_RECORDED]
    with pytest.raises(grpc.RpcError) as refusal:
        log.GetPrediction(GetPredictionRequest(prediction_id="nonsense"))
    assert refusal.value.code() is grpc.StatusCode.INVALID_ARGUMENT


def test_own_client_predicts_and_reads_refusals(service: Service) -> None:
    """One, several, a stream of them; and the fields of a bad one."""
    with PredictionClient(service.target) as client:
        assert client.predict(BERKELEY).median_house_value == pytest.approx(PRICE)
        batch = client.predict_batch([BERKELEY] * 3)
        assert [each.median_house_value for each in batch] == pytest.approx([PRICE] * 3)
        stream = list(client.predict_stream(iter([BERKELEY] * 3)))
        assert [getattr(each, "median_house_value", each) for each in stream] == pytest.approx([PRICE] * 3)
        with pytest.raises(InvalidRequestError) as refusal:
            client.predict({**BERKELEY, "latitude": 99.0})
        assert [each.field for each in refusal.value.violations] == ["block_group.latitude"]
