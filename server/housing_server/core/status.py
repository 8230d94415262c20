"""The mapping of request errors to `google.rpc.Status` with standard details, the same for every transport."""

from google.protobuf.any_pb2 import Any
from google.rpc.code_pb2 import (
    DEADLINE_EXCEEDED,
    FAILED_PRECONDITION,
    INTERNAL,
    INVALID_ARGUMENT,
    NOT_FOUND,
    RESOURCE_EXHAUSTED,
    UNAVAILABLE,
    UNIMPLEMENTED,
)
from google.rpc.error_details_pb2 import BadRequest, ErrorInfo, RetryInfo
from google.rpc.status_pb2 import Status

from housing_server.errors import (
    DeadlinePassed,
    EncodingNotSupported,
    ExplanationNotAvailable,
    HelperUnavailable,
    InternalError,
    InvalidRequest,
    MessageTooLarge,
    MethodNotFound,
    ModelCardNotFound,
    ModelFailed,
    ModelNotLoaded,
    ModelProfileNotFound,
    Overloaded,
    PredictionLogUnavailable,
    PredictionNotFound,
    QueryTooSlow,
    RelayedError,
    RequestError,
    ServiceNotFound,
    ShuttingDown,
    UndecodableMessage,
)

DOMAIN = "housing.v1"
"""The domain of every `ErrorInfo` reason."""

_CODES_AND_REASONS: dict[type[RequestError], tuple[int, str]] = {
    InvalidRequest: (INVALID_ARGUMENT, "INVALID_REQUEST"),
    UndecodableMessage: (INVALID_ARGUMENT, "UNDECODABLE_MESSAGE"),
    MessageTooLarge: (RESOURCE_EXHAUSTED, "MESSAGE_TOO_LARGE"),
    EncodingNotSupported: (UNIMPLEMENTED, "ENCODING_NOT_SUPPORTED"),
    MethodNotFound: (UNIMPLEMENTED, "METHOD_NOT_FOUND"),
    ServiceNotFound: (NOT_FOUND, "SERVICE_NOT_FOUND"),
    DeadlinePassed: (DEADLINE_EXCEEDED, "DEADLINE_EXCEEDED"),
    ModelNotLoaded: (UNAVAILABLE, "MODEL_NOT_LOADED"),
    ModelProfileNotFound: (NOT_FOUND, "MODEL_PROFILE_NOT_FOUND"),
    ModelCardNotFound: (NOT_FOUND, "MODEL_CARD_NOT_FOUND"),
    ModelFailed: (FAILED_PRECONDITION, "MODEL_FAILED"),
    Overloaded: (RESOURCE_EXHAUSTED, "OVERLOADED"),
    PredictionLogUnavailable: (UNAVAILABLE, "PREDICTION_LOG_UNAVAILABLE"),
    PredictionNotFound: (NOT_FOUND, "PREDICTION_NOT_FOUND"),
    QueryTooSlow: (DEADLINE_EXCEEDED, "QUERY_TOO_SLOW"),
    ExplanationNotAvailable: (UNIMPLEMENTED, "EXPLANATION_NOT_AVAILABLE"),
    HelperUnavailable: (UNAVAILABLE, "HELPER_UNAVAILABLE"),
    ShuttingDown: (UNAVAILABLE, "SHUTTING_DOWN"),
    InternalError: (INTERNAL, "INTERNAL"),
}


def status_from_error(error: RequestError) -> Status:
    """Convert an error to a status with `ErrorInfo`, `BadRequest` for violations and `RetryInfo` for overload."""
    if isinstance(error, RelayedError):
        return error.status
    code, reason = _CODES_AND_REASONS[type(error)]
    details = [ErrorInfo(reason=reason, domain=DOMAIN)]
    status = Status(code=code, message=str(error))
    if isinstance(error, InvalidRequest):
        details[0].metadata["violations"] = str(len(error.violations))
        _pack(status, _bad_request(error))
    if isinstance(error, Overloaded):
        _pack(status, _retry_info(error))
    _pack(status, *details)
    return status


def _bad_request(error: InvalidRequest) -> BadRequest:
    return BadRequest(
        field_violations=[
            BadRequest.FieldViolation(field=each.field, reason=each.rule, description=each.description)
            for each in error.violations
        ]
    )


def _retry_info(error: Overloaded) -> RetryInfo:
    retry = RetryInfo()
    retry.retry_delay.FromMilliseconds(max(1, round(error.retry_seconds * 1000)))
    return retry


def _pack(status: Status, *messages: BadRequest | ErrorInfo | RetryInfo) -> None:
    for message in messages:
        packed = Any()
        packed.Pack(message)
        status.details.append(packed)
