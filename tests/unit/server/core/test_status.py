"""How refusals look on the wire: code, reason and details, the same for every transport."""

import math
from typing import Any

import pytest
from google.rpc.code_pb2 import Code
from google.rpc.error_details_pb2 import BadRequest, ErrorInfo, RetryInfo

from housing.reasons import DOMAIN, REASONS
from housing_server.core.status import status_from_error
from housing_server.core.validation import MAX_VIOLATIONS
from housing_server.errors import (
    ChampionChanged,
    FieldViolation,
    InternalError,
    InvalidRequest,
    MessageTooLarge,
    ModelCardNotFound,
    ModelFailed,
    ModelProfileNotFound,
    ModelRegistryUnavailable,
    ModelVersionNotFound,
    ModelVersionRefused,
    Overloaded,
    PredictionLogUnavailable,
    QueryTooSlow,
    QuotaExceeded,
    RateExceeded,
    RelayedError,
    RequestError,
    RoleRequired,
    ServiceUnavailable,
    TooManyRetrainings,
    UndecodableMessage,
)

HEADER_LIMIT = 8192

HTTP_OF_CODES = {
    "INVALID_ARGUMENT": 400,
    "FAILED_PRECONDITION": 400,
    "UNAUTHENTICATED": 401,
    "PERMISSION_DENIED": 403,
    "NOT_FOUND": 404,
    "ABORTED": 409,
    "RESOURCE_EXHAUSTED": 429,
    "INTERNAL": 500,
    "UNIMPLEMENTED": 501,
    "UNAVAILABLE": 503,
    "DEADLINE_EXCEEDED": 504,
}
"""What Envoy's transcoder makes of a code."""


def request_errors(kind: type[RequestError] = RequestError) -> list[type[RequestError]]:
    """All kinds of request errors."""
    return [found for child in kind.__subclasses__() for found in (child, *request_errors(child))]


@pytest.mark.parametrize("kind", request_errors())
def test_every_request_error_has_a_code_and_a_stable_reason(kind: type[RequestError]) -> None:
    """Each is one of the contract's, with its code; and JSON callers get the HTTP status that it says."""
    arguments: dict[type[RequestError], tuple[Any, ...]] = {
        InvalidRequest: ([FieldViolation(field="a", rule="b", description="c")],),
        ModelFailed: ("it divided by zero",),
        ModelCardNotFound: ("california-housing", "3"),
        ModelProfileNotFound: ("california-housing", "3"),
        MessageTooLarge: (100,),
        Overloaded: (0.5,),
        QuotaExceeded: (0.5,),
        RateExceeded: (0.5,),
        RoleRequired: ("operate",),
        UndecodableMessage: ("housing.v1.PredictRequest",),
        PredictionLogUnavailable: ("the disk is full",),
        QueryTooSlow: (20.0,),
        ServiceUnavailable: ("housing.v1.ExplanationService",),
        TooManyRetrainings: (10,),
        ModelVersionNotFound: ("california-housing",),
        ModelVersionRefused: ("version 7 was rolled back",),
        ChampionChanged: ("7",),
        ModelRegistryUnavailable: ("the connection was refused",),
        RelayedError: (status_from_error(PredictionLogUnavailable("the disk is full")),),
    }
    status = status_from_error(kind(*arguments.get(kind, ())))
    info = ErrorInfo()
    assert status.details[-1].Unpack(info)
    reason = REASONS[info.reason]
    assert (status.code, info.domain) == (reason.code, DOMAIN)
    assert reason.http_status == HTTP_OF_CODES[Code.Name(status.code)]


def test_overload_says_when_to_try_again() -> None:
    """The pause is what the work under way is likely to take."""
    status = status_from_error(Overloaded(0.25))
    retry = RetryInfo()
    assert status.details[0].Unpack(retry)
    assert retry.retry_delay.ToMilliseconds() == 250


@pytest.mark.parametrize("kind", [RateExceeded, QuotaExceeded])
def test_exhausted_limit_says_when_it_is_renewed(kind: type[RateExceeded | QuotaExceeded]) -> None:
    """Clients wait for as long as the refusal says."""
    retry = RetryInfo()
    assert status_from_error(kind(2.5)).details[0].Unpack(retry)
    assert retry.retry_delay.ToMilliseconds() == 2500


def test_missing_role_is_named() -> None:
    """Callers learn what to ask their operator for."""
    info = ErrorInfo()
    assert status_from_error(RoleRequired("operate")).details[0].Unpack(info)
    assert dict(info.metadata) == {"role": "operate"}


def test_what_callers_need_not_know_stays_in_the_log() -> None:
    """A database's address is no answer."""
    error = PredictionLogUnavailable("no disk at /somewhere")
    assert "/somewhere" not in status_from_error(error).message
    assert error.cause == "no disk at /somewhere"


def test_details_fit_into_headers_however_much_is_wrong() -> None:
    """Looking for more stops where the list ends, and the text says so."""
    longest = FieldViolation(
        field="block_groups[9999].housing_median_age",
        rule="total_bedrooms.lte_total_rooms",
        description="must be greater than or equal to -124.6 and less than or equal to -114.1",
    )
    status = status_from_error(InvalidRequest([longest] * MAX_VIOLATIONS, more=True))
    request, info = BadRequest(), ErrorInfo()
    assert status.details[0].Unpack(request)
    assert status.details[1].Unpack(info)
    assert len(request.field_violations) == MAX_VIOLATIONS
    assert info.metadata["violations"] == str(MAX_VIOLATIONS)
    assert status.message.endswith("(and at least 25 more)")
    assert math.ceil(status.ByteSize() / 3) * 4 < HEADER_LIMIT, "details travel as base64"


def test_internal_error_tells_nothing() -> None:
    """What went wrong inside is for the log."""
    assert status_from_error(InternalError()).message == "internal error; the details are in the service's log"


def test_service_that_is_not_available_is_named() -> None:
    """Callers learn which calls they can still make."""
    packed = status_from_error(ServiceUnavailable("housing.v1.ExplanationService")).details[0]
    info = ErrorInfo()
    assert packed.Unpack(info)
    assert (info.domain, info.reason) == ("housing.v1", "SERVICE_UNAVAILABLE")
    assert dict(info.metadata) == {"service": "housing.v1.ExplanationService"}
