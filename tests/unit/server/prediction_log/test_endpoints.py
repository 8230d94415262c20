"""PredictionLogService and OutcomeService over gRPC: what reaches the store, and how refusals are worded."""

from collections import Counter
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import grpc
import pytest
import structlog
from google.rpc.error_details_pb2 import BadRequest, ErrorInfo
from grpc_status.rpc_status import from_call

from housing.v1 import outcome_service_pb2_grpc, prediction_log_service_pb2_grpc
from housing.v1.outcome_service_pb2 import RecordOutcomesRequest, TruePrice
from housing.v1.prediction_log_service_pb2 import (
    BoundingBox,
    GetPredictionRequest,
    GetPredictionStatsRequest,
    ListPredictionsRequest,
)
from housing_server.core.calls import CODE_NAMES, Calls, Method
from housing_server.core.gate import DrainGate
from housing_server.grpc_transport.handlers import Handlers
from housing_server.grpc_transport.server import local_server
from housing_server.prediction_log.endpoints import log_endpoints
from housing_server.prediction_log.store import PredictionStore
from predictions_on_record import START, add, prediction_id, record


class Counts:
    """Remembers calls and outcomes."""

    def __init__(self) -> None:
        self.calls: Counter[tuple[str, str]] = Counter()
        self.results: Counter[str] = Counter()

    def call_started(self, method: Method) -> None:
        """Count nothing."""

    def call_ended(self, method: Method, code: int, seconds: float) -> None:
        """Count a call by its end."""
        assert seconds >= 0
        self.calls[method.name, CODE_NAMES[code]] += 1

    def calls_succeeded(self, method: Method, seconds: Sequence[float]) -> None:
        """Count nothing: here calls end one at a time."""

    def outcomes(self, result: str, count: int) -> None:
        """Count outcomes."""
        self.results[result] += count


@pytest.fixture
def counts() -> Counts:
    """What is counted."""
    return Counts()


@pytest.fixture
def store_path(tmp_path: Path) -> Path:
    """Where the store is."""
    return tmp_path / "predictions.db"


@pytest.fixture
async def channel(store_path: Path, counts: Counts) -> AsyncIterator[grpc.aio.Channel]:
    """A connection to a server of the two services, whose store holds three predictions."""
    store = PredictionStore.open(f"sqlite:///{store_path}")
    add(store, *(record(number) for number in range(3)))
    calls = Calls(gate=DrainGate(), observer=counts, log=structlog.get_logger())
    handlers = Handlers(calls)
    handlers.mount(log_endpoints(store, counts), calls)
    server = local_server(handlers)
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as opened:
        yield opened
    await server.stop(None)
    store.close()


@pytest.fixture
def log(channel: grpc.aio.Channel) -> "prediction_log_service_pb2_grpc.PredictionLogServiceAsyncStub":
    """The service that reads."""
    return prediction_log_service_pb2_grpc.PredictionLogServiceStub(channel)


@pytest.fixture
def judge(channel: grpc.aio.Channel) -> "outcome_service_pb2_grpc.OutcomeServiceAsyncStub":
    """The service that records outcomes."""
    return outcome_service_pb2_grpc.OutcomeServiceStub(channel)


def reason(error: grpc.aio.AioRpcError) -> str:
    """The stable reason of an error."""
    status, info = from_call(error), ErrorInfo()  # type: ignore[arg-type]  # it has all that is asked for
    assert status is not None
    assert status.details[-1].Unpack(info)
    return str(info.reason)


def violations(error: grpc.aio.AioRpcError) -> list[tuple[str, str]]:
    """The fields and rules that an error names."""
    status, request = from_call(error), BadRequest()  # type: ignore[arg-type]  # it has all that is asked for
    assert status is not None
    assert status.details[0].Unpack(request)
    return [(violation.field, violation.reason) for violation in request.field_violations]


async def test_predictions_are_listed_found_and_measured(
    log: "prediction_log_service_pb2_grpc.PredictionLogServiceAsyncStub", counts: Counts
) -> None:
    """Each method reaches the store, and is counted."""
    page = await log.ListPredictions(ListPredictionsRequest(page_size=2))
    assert [each.median_house_value for each in page.predictions] == [200_002, 200_001]
    found = await log.GetPrediction(GetPredictionRequest(prediction_id=prediction_id(START)))
    assert found.prediction.median_house_value == 200_000
    request = GetPredictionStatsRequest()
    request.start_time.FromDatetime(START)
    request.end_time.FromDatetime(START.replace(day=2))
    stats = await log.GetPredictionStats(request)
    assert [each.prices.count for each in stats.model_versions] == [3]
    assert counts.calls == {
        ("ListPredictions", "OK"): 1,
        ("GetPrediction", "OK"): 1,
        ("GetPredictionStats", "OK"): 1,
    }


async def test_outcomes_are_recorded_and_counted(
    judge: "outcome_service_pb2_grpc.OutcomeServiceAsyncStub", counts: Counts
) -> None:
    """By what became of them."""
    keys = [record(number)["prediction_id"] for number in (0, 1, 99)]
    outcomes = [TruePrice(prediction_id=key, median_house_value=5) for key in keys]
    await judge.RecordOutcomes(RecordOutcomesRequest(outcomes=outcomes))
    assert counts.results == {"recorded": 2, "unknown": 1}


async def test_unknown_prediction_is_not_found(
    log: "prediction_log_service_pb2_grpc.PredictionLogServiceAsyncStub",
) -> None:
    """With a reason of its own."""
    with pytest.raises(grpc.aio.AioRpcError) as raised:
        await log.GetPrediction(GetPredictionRequest(prediction_id=prediction_id(START, 99)))
    assert raised.value.code() is grpc.StatusCode.NOT_FOUND
    assert reason(raised.value) == "PREDICTION_NOT_FOUND"


async def test_bad_filters_are_refused_by_field(
    log: "prediction_log_service_pb2_grpc.PredictionLogServiceAsyncStub",
) -> None:
    """All that is wrong is named, rules about two fields included."""
    request = ListPredictionsRequest(
        min_median_house_value=2,
        max_median_house_value=1,
        page_size=1001,
        bounding_box=BoundingBox(west=-120, east=-121, south=float("nan")),
    )
    request.start_time.FromDatetime(START)
    request.end_time.FromDatetime(START)
    with pytest.raises(grpc.aio.AioRpcError) as raised:
        await log.ListPredictions(request)
    assert raised.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert set(violations(raised.value)) == {
        ("end_time", "end_time.gt_start_time"),
        ("max_median_house_value", "max_median_house_value.gte_min"),
        ("page_size", "uint32.lte"),
        ("bounding_box.east", "east.gte_west"),
        ("bounding_box.south", "double.gte_lte"),
        ("bounding_box.north", "required"),
    }


async def test_range_of_statistics_is_bounded(
    log: "prediction_log_service_pb2_grpc.PredictionLogServiceAsyncStub",
) -> None:
    """A year of hours is refused, and one that reaches until now too."""
    request = GetPredictionStatsRequest()
    request.start_time.FromDatetime(START.replace(year=2020))
    with pytest.raises(grpc.aio.AioRpcError) as raised:
        await log.GetPredictionStats(request)
    assert violations(raised.value) == [("start_time", "start_time.near_end_time")]


async def test_bad_outcome_refuses_all_of_them(
    judge: "outcome_service_pb2_grpc.OutcomeServiceAsyncStub", counts: Counts
) -> None:
    """Each field at fault is named by its place in the request."""
    good = TruePrice(prediction_id=prediction_id(START), median_house_value=5)
    outcomes = [good, TruePrice(prediction_id="5"), TruePrice(median_house_value=float("inf"))]
    with pytest.raises(grpc.aio.AioRpcError) as raised:
        await judge.RecordOutcomes(RecordOutcomesRequest(outcomes=outcomes))
    assert violations(raised.value) == [
        ("outcomes[1].prediction_id", "string.uuid"),
        ("outcomes[1].median_house_value", "required"),
        ("outcomes[2].prediction_id", "required"),
        ("outcomes[2].median_house_value", "double.gte_lte"),
    ]
    assert not counts.results


async def test_many_bad_outcomes_are_refused_for_the_first_of_them(
    judge: "outcome_service_pb2_grpc.OutcomeServiceAsyncStub",
) -> None:
    """No more than are listed are looked for."""
    good = TruePrice(prediction_id=prediction_id(START), median_house_value=5)
    with pytest.raises(grpc.aio.AioRpcError) as raised:
        await judge.RecordOutcomes(RecordOutcomesRequest(outcomes=[good] + [TruePrice()] * 9_999))
    found = violations(raised.value)
    assert found[:2] == [("outcomes[1].prediction_id", "required"), ("outcomes[1].median_house_value", "required")]
    assert len(found) == 25
    assert str(raised.value.details()).endswith("(and at least 25 more)")


async def test_too_many_outcomes_are_refused_by_their_number(channel: grpc.aio.Channel, counts: Counts) -> None:
    """However many they are: no more are read than it takes to refuse them."""
    record_outcomes: grpc.aio.UnaryUnaryMultiCallable[bytes, bytes]
    record_outcomes = channel.unary_unary("/housing.v1.OutcomeService/RecordOutcomes")
    with pytest.raises(grpc.aio.AioRpcError) as raised:
        await record_outcomes(b"\x0a\x00" * 2_000_000)
    assert violations(raised.value) == [("outcomes", "repeated.max_items")]
    assert not counts.results


async def test_store_that_is_gone_is_unavailable(
    log: "prediction_log_service_pb2_grpc.PredictionLogServiceAsyncStub",
    judge: "outcome_service_pb2_grpc.OutcomeServiceAsyncStub",
    store_path: Path,
) -> None:
    """Reading and writing alike, and callers are not told why."""
    for path in store_path.parent.iterdir():
        path.write_bytes(b"gone")
    outcome = TruePrice(prediction_id=prediction_id(START), median_house_value=5)
    for call in (
        log.ListPredictions(ListPredictionsRequest()),
        judge.RecordOutcomes(RecordOutcomesRequest(outcomes=[outcome])),
    ):
        with pytest.raises(grpc.aio.AioRpcError) as raised:
            await call
        assert raised.value.code() is grpc.StatusCode.UNAVAILABLE
        assert reason(raised.value) == "PREDICTION_LOG_UNAVAILABLE"
        assert str(store_path) not in str(raised.value.details())
