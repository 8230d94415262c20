"""The mapping of request errors to `google.rpc.Status` with standard details, the same for every transport."""

from google.protobuf.any_pb2 import Any
from google.rpc.error_details_pb2 import BadRequest, ErrorInfo, RetryInfo
from google.rpc.status_pb2 import Status

from housing.reasons import DOMAIN, Reason, reason_of
from housing.v1.error_reason_pb2 import ErrorReason
from housing_server.errors import (
    ChampionChanged,
    CredentialsExpired,
    CredentialsInvalid,
    CredentialsMissing,
    DeadlinePassed,
    EncodingNotSupported,
    ExplanationNotAvailable,
    InternalError,
    InvalidRequest,
    MessageTooLarge,
    MethodNotFound,
    ModelCardNotFound,
    ModelFailed,
    ModelNotLoaded,
    ModelPinned,
    ModelProfileNotFound,
    ModelRegistryUnavailable,
    ModelVersionNotFound,
    ModelVersionRefused,
    NoEarlierChampion,
    Overloaded,
    PredictionLogUnavailable,
    PredictionNotFound,
    QueryTooSlow,
    QuotaExceeded,
    RateExceeded,
    RelayedError,
    RequestError,
    RetrainingNotFound,
    RoleRequired,
    ServiceNotFound,
    ServiceUnavailable,
    ShuttingDown,
    TooManyRetrainings,
    UndecodableMessage,
)

_REASONS: dict[type[RequestError], ErrorReason.ValueType] = {
    CredentialsMissing: ErrorReason.ERROR_REASON_CREDENTIALS_MISSING,
    CredentialsInvalid: ErrorReason.ERROR_REASON_CREDENTIALS_INVALID,
    CredentialsExpired: ErrorReason.ERROR_REASON_CREDENTIALS_EXPIRED,
    RoleRequired: ErrorReason.ERROR_REASON_ROLE_REQUIRED,
    RateExceeded: ErrorReason.ERROR_REASON_RATE_EXCEEDED,
    QuotaExceeded: ErrorReason.ERROR_REASON_QUOTA_EXCEEDED,
    InvalidRequest: ErrorReason.ERROR_REASON_INVALID_REQUEST,
    UndecodableMessage: ErrorReason.ERROR_REASON_UNDECODABLE_MESSAGE,
    MessageTooLarge: ErrorReason.ERROR_REASON_MESSAGE_TOO_LARGE,
    EncodingNotSupported: ErrorReason.ERROR_REASON_ENCODING_NOT_SUPPORTED,
    MethodNotFound: ErrorReason.ERROR_REASON_METHOD_NOT_FOUND,
    ServiceNotFound: ErrorReason.ERROR_REASON_SERVICE_NOT_FOUND,
    DeadlinePassed: ErrorReason.ERROR_REASON_DEADLINE_EXCEEDED,
    ModelNotLoaded: ErrorReason.ERROR_REASON_MODEL_NOT_LOADED,
    ModelProfileNotFound: ErrorReason.ERROR_REASON_MODEL_PROFILE_NOT_FOUND,
    ModelCardNotFound: ErrorReason.ERROR_REASON_MODEL_CARD_NOT_FOUND,
    ModelFailed: ErrorReason.ERROR_REASON_MODEL_FAILED,
    Overloaded: ErrorReason.ERROR_REASON_OVERLOADED,
    PredictionLogUnavailable: ErrorReason.ERROR_REASON_PREDICTION_LOG_UNAVAILABLE,
    PredictionNotFound: ErrorReason.ERROR_REASON_PREDICTION_NOT_FOUND,
    QueryTooSlow: ErrorReason.ERROR_REASON_QUERY_TOO_SLOW,
    ExplanationNotAvailable: ErrorReason.ERROR_REASON_EXPLANATION_NOT_AVAILABLE,
    RetrainingNotFound: ErrorReason.ERROR_REASON_RETRAINING_NOT_FOUND,
    TooManyRetrainings: ErrorReason.ERROR_REASON_TOO_MANY_RETRAININGS,
    ModelVersionNotFound: ErrorReason.ERROR_REASON_MODEL_VERSION_NOT_FOUND,
    ModelVersionRefused: ErrorReason.ERROR_REASON_MODEL_VERSION_REFUSED,
    NoEarlierChampion: ErrorReason.ERROR_REASON_NO_EARLIER_CHAMPION,
    ChampionChanged: ErrorReason.ERROR_REASON_CHAMPION_CHANGED,
    ModelPinned: ErrorReason.ERROR_REASON_MODEL_PINNED,
    ModelRegistryUnavailable: ErrorReason.ERROR_REASON_MODEL_REGISTRY_UNAVAILABLE,
    ServiceUnavailable: ErrorReason.ERROR_REASON_SERVICE_UNAVAILABLE,
    ShuttingDown: ErrorReason.ERROR_REASON_SHUTTING_DOWN,
    InternalError: ErrorReason.ERROR_REASON_INTERNAL,
}


def status_from_error(error: RequestError) -> Status:
    """Convert an error to a status with `ErrorInfo`, `BadRequest` for violations, `RetryInfo` for limits."""
    if isinstance(error, RelayedError):
        return error.status
    reason = reason_of_error(type(error))
    status = Status(code=reason.code, message=str(error))
    if isinstance(error, InvalidRequest):
        _pack(status, _bad_request(error))
    if isinstance(error, Overloaded | RateExceeded | QuotaExceeded):
        _pack(status, _retry_info(error))
    _pack(status, ErrorInfo(reason=reason.name, domain=DOMAIN, metadata=_metadata(error)))
    return status


def reason_of_error(kind: type[RequestError]) -> Reason:
    """Return the reason that a kind of error is answered with, for all but relayed errors, which bring their own."""
    return reason_of(_REASONS[kind])


def _metadata(error: RequestError) -> dict[str, str]:
    if isinstance(error, InvalidRequest):
        return {"violations": str(len(error.violations))}
    if isinstance(error, ServiceUnavailable):
        return {"service": error.service}
    if isinstance(error, RoleRequired):
        return {"role": error.role}
    return {}


def _bad_request(error: InvalidRequest) -> BadRequest:
    return BadRequest(
        field_violations=[
            BadRequest.FieldViolation(field=each.field, reason=each.rule, description=each.description)
            for each in error.violations
        ]
    )


def _retry_info(error: Overloaded | RateExceeded | QuotaExceeded) -> RetryInfo:
    retry = RetryInfo()
    retry.retry_delay.FromMilliseconds(max(1, round(error.retry_seconds * 1000)))
    return retry


def _pack(status: Status, message: BadRequest | ErrorInfo | RetryInfo) -> None:
    packed = Any()
    packed.Pack(message)
    status.details.append(packed)
