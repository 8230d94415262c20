"""Conversions from the caller's values to messages, and from messages to results."""

from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC
from itertools import islice
from typing import Any

from google.rpc import code_pb2, status_pb2

from housing.features import Feature
from housing.rows import message_from_mapping
from housing.rules import BATCH_SIZES
from housing.v1 import (
    block_group_pb2,
    explanation_service_pb2,
    model_service_pb2,
    prediction_service_pb2,
    status_service_pb2,
)
from housing_client.errors import HousingError, ServiceError, error_from_status
from housing_client.results import (
    Contribution,
    Explanation,
    Model,
    ModelCard,
    ModelProfile,
    Prediction,
    PredictionInterval,
    PredictionLogState,
    PredictionWarning,
    Resources,
    Status,
    Workers,
)

BlockGroupLike = block_group_pb2.BlockGroup | Mapping[str, Any]
"""A block group as a message, or as values by field name; None, NaN and absent names are missing values."""


def block_group(given: BlockGroupLike) -> block_group_pb2.BlockGroup:
    """Convert a block group to a message.

    Raises:
        TypeError: it is neither a message nor a mapping.
        ValueError: a name is not a field of the contract, or a value has the wrong type.
    """
    if isinstance(given, block_group_pb2.BlockGroup):
        return given
    if not isinstance(given, Mapping):
        raise TypeError(
            f"a block group must be a BlockGroup or a mapping of field names to values, not {type(given).__name__}; "
            "predict_batch() and predict_stream() take several of them"
        )
    return message_from_mapping(given)


def predict_request(given: BlockGroupLike | None, fields: Mapping[str, Any]) -> prediction_service_pb2.PredictRequest:
    """Create the request of Predict from a block group, or from fields by name.

    Raises:
        TypeError: both are given.
        ValueError: see `block_group`.
    """
    if given is not None and fields:
        raise TypeError("pass either a block group or its fields by name, not both")
    return prediction_service_pb2.PredictRequest(block_group=block_group(fields if given is None else given))


def batch_requests(
    given: Iterable[BlockGroupLike],
) -> Iterator[tuple[int, prediction_service_pb2.BatchPredictRequest]]:
    """Split block groups into requests as large as allowed, each with the index of its first block group."""
    messages = map(block_group, given)
    first_item = 0
    while items := list(islice(messages, BATCH_SIZES[-1])):
        yield first_item, prediction_service_pb2.BatchPredictRequest(block_groups=items)
        first_item += len(items)


def stream_request(given: BlockGroupLike) -> prediction_service_pb2.StreamPredictRequest:
    """Create a request of StreamPredict."""
    return prediction_service_pb2.StreamPredictRequest(block_group=block_group(given))


def explain_request(given: BlockGroupLike | None, fields: Mapping[str, Any]) -> explanation_service_pb2.ExplainRequest:
    """Create the request of Explain, from the same arguments as `predict_request`."""
    return explanation_service_pb2.ExplainRequest(block_group=predict_request(given, fields).block_group)


def explanation(response: explanation_service_pb2.ExplainResponse) -> Explanation:
    """Convert the response of Explain."""
    return Explanation(
        median_house_value=response.median_house_value,
        interval=_interval(response),
        base_value=response.base_value,
        contributions=tuple(
            Contribution(field=found.field, contribution=found.contribution) for found in response.contributions
        ),
        unbounded_value=response.unbounded_value,
        model_name=response.model_name,
        model_version=response.model_version,
        warnings=_warnings(response.warnings),
    )


def prediction(response: prediction_service_pb2.PredictResponse) -> Prediction:
    """Convert the response of Predict."""
    return _prediction(response, response)


def batch_predictions(response: prediction_service_pb2.BatchPredictResponse) -> list[Prediction]:
    """Convert the response of BatchPredict, in the order of the request."""
    return [_prediction(item, response) for item in response.predictions]


def stream_outcome(
    response: prediction_service_pb2.StreamPredictResponse | None, answered: int
) -> Prediction | HousingError:
    """Convert a response of StreamPredict.

    Args:
        response: the response; None if the service ended the stream instead.
        answered: number of responses before.

    Raises:
        ServiceError: the stream ended before every block group was answered.
    """
    if response is None:
        message = "the service ended the stream before every block group was answered"
        raise ServiceError(status_pb2.Status(code=code_pb2.INTERNAL, message=message), answered=answered)
    if response.HasField("error"):
        return error_from_status(response.error)
    return prediction(response.prediction)


def model(response: model_service_pb2.GetModelResponse) -> Model:
    """Convert the response of GetModel."""
    found = response.model
    return Model(
        name=found.name,
        version=found.version,
        alias=found.alias,
        run_id=found.run_id,
        algorithm=found.algorithm,
        runtime=found.runtime,
        trained_at=found.trained_at.ToDatetime(tzinfo=UTC) if found.HasField("trained_at") else None,
        data_sha256=found.data_sha256,
        git_commit=found.git_commit,
        metrics=dict(found.metrics),
        features=tuple(map(_feature, found.features)),
    )


def model_profile(response: model_service_pb2.GetModelProfileResponse) -> ModelProfile:
    """Convert the response of GetModelProfile."""
    return ModelProfile(model_name=response.model_name, model_version=response.model_version, profile=response.profile)


def model_card(response: model_service_pb2.GetModelCardResponse) -> ModelCard:
    """Convert the response of GetModelCard."""
    return ModelCard(model_name=response.model_name, model_version=response.model_version, markdown=response.markdown)


def status(response: status_service_pb2.GetStatusResponse) -> Status:
    """Convert the response of GetStatus."""
    return Status(
        status=status_service_pb2.ServiceStatus.Name(response.status).removeprefix("SERVICE_STATUS_"),
        model_loaded=response.model_loaded,
        model_name=response.model_name,
        model_version=response.model_version,
        uptime_seconds=response.uptime_seconds,
        workers=Workers(
            configured=response.workers.configured,
            serving=response.workers.serving,
            restarts=response.workers.restarts,
        ),
        resources=_resources(response.resources),
        prediction_log=PredictionLogState(
            enabled=response.prediction_log.enabled,
            store_up=response.prediction_log.store_up,
            backlog_rows=response.prediction_log.backlog_rows,
            problem=response.prediction_log.problem,
        ),
    )


def _prediction(
    value: prediction_service_pb2.PredictResponse | prediction_service_pb2.Prediction,
    origin: prediction_service_pb2.PredictResponse | prediction_service_pb2.BatchPredictResponse,
) -> Prediction:
    return Prediction(
        prediction_id=value.prediction_id,
        median_house_value=value.median_house_value,
        interval=_interval(value),
        model_name=origin.model_name,
        model_version=origin.model_version,
        predicted_at=origin.predicted_at.ToDatetime(tzinfo=UTC),
        warnings=_warnings(value.warnings),
    )


def _interval(
    value: prediction_service_pb2.PredictResponse
    | prediction_service_pb2.Prediction
    | explanation_service_pb2.ExplainResponse,
) -> PredictionInterval | None:
    if not value.HasField("interval"):
        return None
    found = value.interval
    return PredictionInterval(
        lower=found.lower, upper=found.upper, coverage=found.coverage, upper_open=found.upper_open
    )


def _warnings(found: Iterable[prediction_service_pb2.Warning]) -> tuple[PredictionWarning, ...]:
    return tuple(PredictionWarning(reason=each.reason, field=each.field, message=each.message) for each in found)


def _feature(found: model_service_pb2.Feature) -> Feature:
    return Feature(
        name=found.name,
        unit=found.unit,
        required=found.required,
        minimum=found.minimum if found.HasField("minimum") else None,
        maximum=found.maximum if found.HasField("maximum") else None,
        choices=tuple(found.choices),
    )


def _resources(found: status_service_pb2.ResourceStatus) -> Resources:
    return Resources(
        cpu_cores_used=found.cpu_cores_used,
        cpu_cores=found.cpu_cores,
        memory_used_bytes=found.memory_used_bytes,
        memory_total_bytes=found.memory_total_bytes,
        disk_used_bytes=found.disk_used_bytes,
        disk_total_bytes=found.disk_total_bytes,
    )
