"""The prediction log is read through any worker, and its health is that of the process behind it."""

from functools import partial
from typing import Any

import grpc
import pytest
from grpc_health.v1.health_pb2 import HealthCheckRequest, HealthCheckResponse
from grpc_health.v1.health_pb2_grpc import HealthStub

from housing.services import LOG_SERVICES
from housing.v1.block_group_pb2 import BlockGroup
from housing.v1.outcome_service_pb2 import RecordOutcomesRequest, TruePrice
from housing.v1.outcome_service_pb2_grpc import OutcomeServiceStub
from housing.v1.prediction_log_service_pb2 import GetPredictionRequest, ListPredictionsRequest
from housing.v1.prediction_log_service_pb2_grpc import PredictionLogServiceStub
from housing.v1.prediction_service_pb2 import PredictRequest
from housing.v1.prediction_service_pb2_grpc import PredictionServiceStub
from recorded_services import Serve, children, log_status
from running import wait_for


def test_what_was_answered_can_be_read_at_once(serve: Serve, block_group: BlockGroup) -> None:
    """Through a worker that knows nothing of the store; and its true price can be told."""
    with serve() as service, grpc.insecure_channel(service.target) as channel:
        log, outcomes = PredictionLogServiceStub(channel), OutcomeServiceStub(channel)
        metadata = (("x-request-id", "mine"), ("traceparent", f"00-{'0' * 31}1-{'0' * 15}1-01"))
        answer = PredictionServiceStub(channel).Predict(PredictRequest(block_group=block_group), metadata=metadata)
        found = log.GetPrediction(GetPredictionRequest(prediction_id=answer.prediction_id), wait_for_ready=True)
        assert found.prediction.median_house_value == answer.median_house_value
        assert found.prediction.block_group == block_group
        assert (found.prediction.request_id, found.prediction.trace_id) == ("mine", "0" * 31 + "1")
        outcome = TruePrice(prediction_id=answer.prediction_id, median_house_value=400_000)
        outcomes.RecordOutcomes(RecordOutcomesRequest(outcomes=[outcome]))
        listed = log.ListPredictions(ListPredictionsRequest(page_size=10))
        assert [each.prediction_id for each in listed.predictions] == [answer.prediction_id]


def test_refusals_of_the_recorder_reach_the_caller_as_they_are(serve: Serve) -> None:
    """With the field that is at fault, as from any other method."""
    with serve(workers=1) as service, grpc.insecure_channel(service.target) as channel:
        log = PredictionLogServiceStub(channel)
        with pytest.raises(grpc.RpcError) as refusal:
            log.GetPrediction(GetPredictionRequest(prediction_id="nonsense"), wait_for_ready=True)
        assert refusal.value.code() is grpc.StatusCode.INVALID_ARGUMENT
        assert "prediction_id" in str(refusal.value.details())


def test_recorder_that_was_killed_is_back_soon(serve: Serve) -> None:
    """Until then calls about the log are UNAVAILABLE, which clients try again."""
    with serve(workers=1) as service, grpc.insecure_channel(service.target) as channel:
        log = PredictionLogServiceStub(channel)
        wait_for(partial(listing_works, log), "the recorder")
        children(service, "housing_server.processes.recorder")[0].kill()
        wait_for(partial(listing_works, log), "the next recorder")


def test_health_of_the_log_is_that_of_the_recorder(serve: Serve) -> None:
    """While it is down, the services about the log are not serving, and predictions are."""
    with serve(workers=1) as service, grpc.insecure_channel(service.target) as channel:
        health: Any = HealthStub(channel)
        (name, *_) = LOG_SERVICES
        watched = health.Watch(HealthCheckRequest(service=name))
        seen = (each.status for each in watched)
        while next(seen) != HealthCheckResponse.SERVING:
            pass
        children(service, "housing_server.processes.recorder")[0].kill()
        assert next(seen) == HealthCheckResponse.NOT_SERVING
        assert health.Check(HealthCheckRequest()).status == HealthCheckResponse.SERVING
        assert next(seen) == HealthCheckResponse.SERVING
        watched.cancel()


def listing_works(log: PredictionLogServiceStub) -> bool | None:
    """Ask for the log; None while there is no answer."""
    try:
        log.ListPredictions(ListPredictionsRequest(), timeout=60)
    except grpc.RpcError as error:
        if error.code() is not grpc.StatusCode.UNAVAILABLE:
            raise
        return None
    return True


def test_without_a_log_predictions_are_answered_and_the_log_is_not(serve: Serve, block_group: BlockGroup) -> None:
    """Nothing is written, and the status says so."""
    with serve(workers=1, prediction_log_mode="off") as service, grpc.insecure_channel(service.target) as channel:
        PredictionServiceStub(channel).Predict(PredictRequest(block_group=block_group))
        with pytest.raises(grpc.RpcError) as refusal:
            PredictionLogServiceStub(channel).ListPredictions(ListPredictionsRequest())
        assert refusal.value.code() is grpc.StatusCode.UNIMPLEMENTED
        status = wait_for(lambda: found if (found := log_status(service)).uptime_seconds else None, "a report")
        assert not status.prediction_log.enabled
