"""A prediction log in memory: tests put predictions on record, and say which it takes outcomes of."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

import grpc
from google.rpc import code_pb2, status_pb2
from grpc_status import rpc_status

from housing.rows import message_from_mapping
from housing.v1 import outcome_service_pb2 as outcome_pb
from housing.v1 import outcome_service_pb2_grpc, prediction_log_service_pb2_grpc
from housing.v1 import prediction_log_service_pb2 as log_pb
from unit.client.fake_prediction_service import BERKELEY, refused

START = datetime(2026, 3, 1, tzinfo=UTC)
LATE_ID, UNKNOWN_ID, BAD_ID = "late", "unknown", "bad"
MAX_VIOLATIONS = 25


def logged(number: int) -> log_pb.LoggedPrediction:
    """Make a prediction, one second after that of the number before; of every other one the true price is known."""
    found = log_pb.LoggedPrediction(
        prediction_id=f"id-{number}",
        method="Predict",
        model_name="fake",
        model_version="7",
        block_group=message_from_mapping(BERKELEY),
        median_house_value=100_000.5 + number,
        interval=log_pb.LoggedInterval(lower=90_000, upper=110_000, upper_open=True) if number % 2 else None,
        warnings=["CROWDED", "FAR_FROM_DATA"] if number % 2 else [],
        latency_seconds=0.001,
        peer="ipv4:127.0.0.1:1",
        request_id=f"request-{number}",
    )
    found.predicted_at.FromDatetime(START + timedelta(seconds=number))
    if number % 2:
        found.outcome.median_house_value = 95_000
        found.outcome.recorded_at.FromDatetime(START + timedelta(days=1))
    return found


class FakePredictionLog(
    prediction_log_service_pb2_grpc.PredictionLogServiceServicer, outcome_service_pb2_grpc.OutcomeServiceServicer
):
    """Knows the filter `start_time` alone; others it only remembers."""

    def __init__(self) -> None:
        self.predictions: list[log_pb.LoggedPrediction] = []
        """What is on record, the oldest first."""
        self.asked: list[log_pb.ListPredictionsRequest | log_pb.GetPredictionStatsRequest] = []
        """The requests that came."""
        self.failures: list[status_pb2.Status] = []
        """What calls fail with from the second on."""
        self.true_prices: dict[str, float] = {}
        """The outcomes on record."""
        self.outcome_calls: list[int] = []
        """How many outcomes each call of RecordOutcomes brought."""

    def ListPredictions(  # noqa: N802 - the contract's name
        self, request: log_pb.ListPredictionsRequest, context: grpc.ServicerContext
    ) -> log_pb.ListPredictionsResponse:
        """List a page; its token is the number of predictions before it."""
        if self.asked and self.failures:
            context.abort_with_status(rpc_status.to_status(self.failures.pop(0)))
        self.asked.append(request)
        start = request.start_time.ToDatetime(UTC)
        newest = [each for each in reversed(self.predictions) if each.predicted_at.ToDatetime(UTC) >= start]
        first = int(request.page_token or 0)
        last = first + (request.page_size or 100)
        more = str(last) if last < len(newest) else ""
        return log_pb.ListPredictionsResponse(predictions=newest[first:last], next_page_token=more)

    def GetPrediction(  # noqa: N802 - the contract's name
        self, request: log_pb.GetPredictionRequest, context: grpc.ServicerContext
    ) -> log_pb.GetPredictionResponse:
        """Return one prediction."""
        for each in self.predictions:
            if each.prediction_id == request.prediction_id:
                return log_pb.GetPredictionResponse(prediction=each)
        context.abort_with_status(rpc_status.to_status(status_pb2.Status(code=code_pb2.NOT_FOUND, message="no")))
        raise AssertionError("abort has raised")

    def GetPredictionStats(  # noqa: N802 - the contract's name
        self,
        request: log_pb.GetPredictionStatsRequest,
        context: grpc.ServicerContext,  # noqa: ARG002 - gRPC passes it
    ) -> log_pb.GetPredictionStatsResponse:
        """Make up statistics of two versions, the first of them without outcomes."""
        self.asked.append(request)
        prices = log_pb.PriceStats(count=3, mean=2, p5=1, p50=2, p95=3)
        response = log_pb.GetPredictionStatsResponse(
            model_versions=[
                log_pb.ModelVersionStats(model_name="fake", model_version="6", prices=prices),
                log_pb.ModelVersionStats(
                    model_name="fake",
                    model_version="7",
                    prices=prices,
                    error=log_pb.LiveError(
                        outcomes=2, mean_absolute_error=4, root_mean_squared_error=5, bias=-3, interval_coverage=0
                    ),
                ),
            ],
            periods=[log_pb.PeriodStats(model_name="fake", model_version="7", prices=prices)],
        )
        response.start_time.FromDatetime(START)
        response.end_time.FromDatetime(START + timedelta(days=1))
        response.periods[0].start_time.FromDatetime(START)
        return response

    def RecordOutcomes(  # noqa: N802 - the contract's name
        self, request: outcome_pb.RecordOutcomesRequest, context: grpc.ServicerContext
    ) -> outcome_pb.RecordOutcomesResponse:
        """Record outcomes; an id may say what becomes of it, and a price that is none is refused."""
        self.outcome_calls.append(len(request.outcomes))
        bad = [
            f"outcomes[{index}].{'prediction_id' if each.prediction_id == BAD_ID else 'median_house_value'}"
            for index, each in enumerate(request.outcomes)
            if each.prediction_id == BAD_ID or not each.median_house_value > 0
        ]
        if bad:
            context.abort_with_status(rpc_status.to_status(refused(*bad[:MAX_VIOLATIONS])))
        results = [
            outcome_pb.RecordedOutcome(prediction_id=each.prediction_id, result=self._enter(each))
            for each in request.outcomes
        ]
        return outcome_pb.RecordOutcomesResponse(outcomes=results)

    def _enter(self, given: outcome_pb.TruePrice) -> "outcome_pb.OutcomeResult.ValueType":
        if given.prediction_id == LATE_ID:
            return outcome_pb.OUTCOME_RESULT_LATE
        if given.prediction_id == UNKNOWN_ID:
            return outcome_pb.OUTCOME_RESULT_UNKNOWN
        known = self.true_prices.get(given.prediction_id)
        self.true_prices[given.prediction_id] = given.median_house_value
        if known is None:
            return outcome_pb.OUTCOME_RESULT_RECORDED
        unchanged = known == given.median_house_value
        return outcome_pb.OUTCOME_RESULT_UNCHANGED if unchanged else outcome_pb.OUTCOME_RESULT_REVISED


@contextmanager
def serving_log(log: FakePredictionLog) -> Iterator[str]:
    """Serve on a free port and yield the target."""
    server = grpc.server(ThreadPoolExecutor(max_workers=4), options=[("grpc.so_reuseport", 0)])
    prediction_log_service_pb2_grpc.add_PredictionLogServiceServicer_to_server(log, server)
    outcome_service_pb2_grpc.add_OutcomeServiceServicer_to_server(log, server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    try:
        yield f"127.0.0.1:{port}"
    finally:
        server.stop(grace=None).wait()
