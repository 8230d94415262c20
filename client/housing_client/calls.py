"""The calls of the contract, each defined once for both clients: request, response, result and deadline.

The clients differ only in how they wait. Each of their methods is a signature and a line of this table.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Generic, ParamSpec, TypeVar

from google.protobuf.message import Message

from housing.v1 import (
    explanation_service_pb2,
    model_service_pb2,
    outcome_service_pb2,
    prediction_log_service_pb2,
    prediction_service_pb2,
    retraining_service_pb2,
    status_service_pb2,
)
from housing_client import log_messages, messages, model_version_messages, retraining_messages
from housing_client.policies import Deadlines

_Given = ParamSpec("_Given")
_Request = TypeVar("_Request", bound=Message)
_Response = TypeVar("_Response", bound=Message)
_Result = TypeVar("_Result")
_Item = TypeVar("_Item")


@dataclass(frozen=True, slots=True, kw_only=True)
class Rpc(Generic[_Request, _Response]):
    """A method of a service."""

    path: str
    """The path of its HTTP/2 requests: service and method."""
    response: type[_Response]
    """Type of its responses."""
    deadline: Callable[[Deadlines], float | None]
    """Selects its deadline."""

    def encode(self, request: _Request) -> bytes:
        """Encode a request."""
        return request.SerializeToString()

    def decode(self, response: bytes) -> _Response:
        """Decode a response."""
        return self.response.FromString(response)

    def seconds(self, wanted: float | None, deadlines: Deadlines) -> float | None:
        """Return the deadline of a call, in seconds: the caller's, or else this method's; None for no limit."""
        return self.deadline(deadlines) if wanted is None else wanted


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadRpc(Rpc[_Request, _Response], Generic[_Request, _Response, _Result]):
    """A method with one request and one response."""

    result: Callable[[_Response], _Result]
    """Converts the response to a result."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Call(ReadRpc[_Request, _Response, _Result], Generic[_Given, _Request, _Response, _Result]):
    """A method that is called once."""

    request: Callable[_Given, _Request]
    """Creates the request from the caller's arguments."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchCall(ReadRpc[_Request, _Response, Sequence[_Item]], Generic[_Given, _Request, _Response, _Item]):
    """A method that is called as often as its limit of items requires; results are concatenated."""

    requests: Callable[_Given, Iterator[tuple[int, _Request]]]
    """Splits the caller's arguments into requests, each with the index of its first item."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamCall(Rpc[_Request, _Response], Generic[_Given, _Request, _Response]):
    """A method with a stream of requests and as many responses."""

    request: Callable[_Given, _Request]
    """Creates a request from the caller's arguments."""


PREDICT = Call(
    path="/housing.v1.PredictionService/Predict",
    request=messages.predict_request,
    response=prediction_service_pb2.PredictResponse,
    result=messages.prediction,
    deadline=lambda deadlines: deadlines.predict,
)
BATCH_PREDICT = BatchCall(
    path="/housing.v1.PredictionService/BatchPredict",
    requests=messages.batch_requests,
    response=prediction_service_pb2.BatchPredictResponse,
    result=messages.batch_predictions,
    deadline=lambda deadlines: deadlines.batch,
)
STREAM_PREDICT = StreamCall(
    path="/housing.v1.PredictionService/StreamPredict",
    request=messages.stream_request,
    response=prediction_service_pb2.StreamPredictResponse,
    deadline=lambda deadlines: deadlines.stream,
)
EXPLAIN = Call(
    path="/housing.v1.ExplanationService/Explain",
    request=messages.explain_request,
    response=explanation_service_pb2.ExplainResponse,
    result=messages.explanation,
    deadline=lambda deadlines: deadlines.predict,
)
GET_MODEL = Call(
    path="/housing.v1.ModelService/GetModel",
    request=model_service_pb2.GetModelRequest,
    response=model_service_pb2.GetModelResponse,
    result=messages.model,
    deadline=lambda deadlines: deadlines.describe,
)
GET_MODEL_PROFILE = Call(
    path="/housing.v1.ModelService/GetModelProfile",
    request=model_service_pb2.GetModelProfileRequest,
    response=model_service_pb2.GetModelProfileResponse,
    result=messages.model_profile,
    deadline=lambda deadlines: deadlines.describe,
)
GET_MODEL_CARD = Call(
    path="/housing.v1.ModelService/GetModelCard",
    request=model_service_pb2.GetModelCardRequest,
    response=model_service_pb2.GetModelCardResponse,
    result=messages.model_card,
    deadline=lambda deadlines: deadlines.describe,
)
GET_STATUS = Call(
    path="/housing.v1.StatusService/GetStatus",
    request=status_service_pb2.GetStatusRequest,
    response=status_service_pb2.GetStatusResponse,
    result=messages.status,
    deadline=lambda deadlines: deadlines.describe,
)
LIST_PREDICTIONS = Call(
    path="/housing.v1.PredictionLogService/ListPredictions",
    request=log_messages.list_request,
    response=prediction_log_service_pb2.ListPredictionsResponse,
    result=log_messages.page,
    deadline=lambda deadlines: deadlines.log,
)
GET_PREDICTION = Call(
    path="/housing.v1.PredictionLogService/GetPrediction",
    request=log_messages.get_request,
    response=prediction_log_service_pb2.GetPredictionResponse,
    result=log_messages.found_prediction,
    deadline=lambda deadlines: deadlines.log,
)
GET_PREDICTION_STATS = Call(
    path="/housing.v1.PredictionLogService/GetPredictionStats",
    request=log_messages.stats_request,
    response=prediction_log_service_pb2.GetPredictionStatsResponse,
    result=log_messages.prediction_stats,
    deadline=lambda deadlines: deadlines.log,
)
RECORD_OUTCOMES = BatchCall(
    path="/housing.v1.OutcomeService/RecordOutcomes",
    requests=log_messages.outcome_requests,
    response=outcome_service_pb2.RecordOutcomesResponse,
    result=log_messages.recorded_outcomes,
    deadline=lambda deadlines: deadlines.log,
)
LIST_MODEL_VERSIONS = Call(
    path="/housing.v1.ModelService/ListModelVersions",
    request=model_service_pb2.ListModelVersionsRequest,
    response=model_service_pb2.ListModelVersionsResponse,
    result=model_version_messages.model_versions,
    deadline=lambda deadlines: deadlines.log,
)
LIST_MODEL_CHANGES = Call(
    path="/housing.v1.ModelService/ListModelChanges",
    request=model_version_messages.changes_request,
    response=model_service_pb2.ListModelChangesResponse,
    result=model_version_messages.change_page,
    deadline=lambda deadlines: deadlines.log,
)
PROMOTE_MODEL_VERSION = Call(
    path="/housing.v1.ModelService/PromoteModelVersion",
    request=model_version_messages.promote_request,
    response=model_service_pb2.PromoteModelVersionResponse,
    result=model_version_messages.promotion,
    deadline=lambda deadlines: deadlines.log,
)
ROLLBACK_MODEL = Call(
    path="/housing.v1.ModelService/RollbackModel",
    request=model_version_messages.rollback_request,
    response=model_service_pb2.RollbackModelResponse,
    result=model_version_messages.rollback,
    deadline=lambda deadlines: deadlines.log,
)
START_RETRAINING = Call(
    path="/housing.v1.RetrainingService/StartRetraining",
    request=retraining_messages.start_request,
    response=retraining_service_pb2.StartRetrainingResponse,
    result=retraining_messages.found_retraining,
    deadline=lambda deadlines: deadlines.log,
)
LIST_RETRAININGS = Call(
    path="/housing.v1.RetrainingService/ListRetrainings",
    request=retraining_messages.list_request,
    response=retraining_service_pb2.ListRetrainingsResponse,
    result=retraining_messages.page,
    deadline=lambda deadlines: deadlines.log,
)
GET_RETRAINING = Call(
    path="/housing.v1.RetrainingService/GetRetraining",
    request=retraining_messages.get_request,
    response=retraining_service_pb2.GetRetrainingResponse,
    result=retraining_messages.found_retraining,
    deadline=lambda deadlines: deadlines.log,
)
GET_RETRAINING_STATUS = Call(
    path="/housing.v1.RetrainingService/GetRetrainingStatus",
    request=retraining_service_pb2.GetRetrainingStatusRequest,
    response=retraining_service_pb2.GetRetrainingStatusResponse,
    result=retraining_messages.retraining_status,
    deadline=lambda deadlines: deadlines.log,
)
