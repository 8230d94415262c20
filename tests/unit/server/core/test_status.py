"""Each error of a request has a reason of the contract, and looks the same to JSON callers as Envoy makes it."""

from collections.abc import Iterator

import pytest
from google.rpc.code_pb2 import Code
from google.rpc.error_details_pb2 import ErrorInfo

from housing.reasons import REASONS
from housing_server.core import status
from housing_server.errors import RelayedError, RequestError, ServiceUnavailable

HTTP_OF_CODES = {
    "INVALID_ARGUMENT": 400,
    "FAILED_PRECONDITION": 400,
    "NOT_FOUND": 404,
    "RESOURCE_EXHAUSTED": 429,
    "INTERNAL": 500,
    "UNIMPLEMENTED": 501,
    "UNAVAILABLE": 503,
    "DEADLINE_EXCEEDED": 504,
}
"""What Envoy's transcoder makes of a code."""


def kinds(kind: type[RequestError] = RequestError) -> Iterator[type[RequestError]]:
    """The errors at the ends of the tree."""
    for each in kind.__subclasses__():
        yield each
        yield from kinds(each)


@pytest.mark.parametrize(
    "kind", [kind for kind in kinds() if kind is not RelayedError], ids=lambda kind: str(kind.__name__)
)
def test_error_has_a_reason_with_the_http_status_of_its_code(kind: type[RequestError]) -> None:
    """The gateway answers JSON callers with what the contract says of the reason."""
    reason = status.reason_of_error(kind)
    assert reason == REASONS[reason.name]
    assert reason.http_status == HTTP_OF_CODES[Code.Name(reason.code)]


def test_service_that_is_not_available_is_named() -> None:
    """Callers learn which calls they can still make."""
    packed = status.status_from_error(ServiceUnavailable("housing.v1.ExplanationService")).details[0]
    info = ErrorInfo()
    assert packed.Unpack(info)
    assert (info.domain, info.reason) == ("housing.v1", "SERVICE_UNAVAILABLE")
    assert dict(info.metadata) == {"service": "housing.v1.ExplanationService"}
