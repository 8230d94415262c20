"""The errors of the client.

HousingError                 any failed call
├── InvalidRequestError      the request breaks the contract: `violations` lists the rules
├── NotFoundError            the requested item does not exist
├── NotPermittedError        the caller is not authenticated, or not authorized
├── OverloadedError          the service is overloaded, or the caller's quota is used up: retry later
├── UnavailableError         the service is not reachable, or no model is loaded yet
├── DeadlineExceededError    the deadline passed before the answer
└── ServiceError             the service failed in any other way
"""

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from types import MappingProxyType
from typing import TypeVar, cast

import grpc
from google.protobuf.message import Message
from google.rpc import error_details_pb2, status_pb2
from grpc_status import rpc_status

_Detail = TypeVar("_Detail", bound=Message)


@dataclass(frozen=True, slots=True, kw_only=True)
class Violation:
    """A rule of the contract that a request breaks."""

    field: str
    """Path of the field, for example `block_groups[17].latitude`."""
    reason: str
    """The stable id of the rule, for example `double.lte`."""
    description: str
    """Description of the rule."""

    def __str__(self) -> str:
        return f"{self.field}: {self.description} ({self.reason})"

    def in_table(self) -> str:
        """Return the violation for a row of a table: with the column, without the path to the row."""
        return f"{self.field.rpartition('.')[2]}: {self.description} ({self.reason})"


class HousingError(Exception):
    """A call failed.

    Args:
        status: the complete status of the call.
        answered: number of the call's items answered before: block groups, outcomes, or listed predictions.
    """

    def __init__(self, status: status_pb2.Status, *, answered: int = 0) -> None:
        super().__init__(status)
        self.status = status
        self.answered = answered

    def __str__(self) -> str:
        before = f" (after {self.answered:,} answers)" if self.answered else ""
        return self._text() + before

    def _text(self) -> str:
        return self.status.message or self.code.name

    @property
    def code(self) -> grpc.StatusCode:
        """The gRPC status code."""
        return _CODES.get(self.status.code, grpc.StatusCode.UNKNOWN)

    @property
    def reason(self) -> str:
        """The name of a `housing.v1.ErrorReason` without its prefix, such as `OVERLOADED`; empty when there is none."""
        info = _detail(self.status, error_details_pb2.ErrorInfo)
        return info.reason if info else ""


class InvalidRequestError(HousingError):
    """The request breaks the contract; retrying does not help."""

    @property
    def violations(self) -> tuple[Violation, ...]:
        """The rules that were broken, in the order of the fields; empty when the service listed none."""
        details = _detail(self.status, error_details_pb2.BadRequest)
        return tuple(
            Violation(field=found.field, reason=found.reason, description=found.description)
            for found in (details.field_violations if details else ())
        )

    def _text(self) -> str:
        return "\n".join(map(str, self.violations)) or super()._text()


class NotFoundError(HousingError):
    """The requested item does not exist."""


class NotPermittedError(HousingError):
    """The caller is not authenticated, or not authorized."""


class OverloadedError(HousingError):
    """The service is overloaded, or the caller's quota is used up: retry later."""


class UnavailableError(HousingError):
    """The service is not reachable, or no model is loaded yet; the call has been retried."""


class DeadlineExceededError(HousingError):
    """The deadline passed before the answer."""

    def _text(self) -> str:
        text = super()._text()
        if self.reason:  # the service itself has answered
            return text
        return f"{text}: no answer in time; is the target right, and the service running?"


class ServiceError(HousingError):
    """The service failed in a way that the caller cannot fix."""


_CODES: Mapping[int, grpc.StatusCode] = MappingProxyType({code.value[0]: code for code in grpc.StatusCode})

_ERRORS: Mapping[grpc.StatusCode, type[HousingError]] = MappingProxyType(
    {
        grpc.StatusCode.INVALID_ARGUMENT: InvalidRequestError,
        grpc.StatusCode.NOT_FOUND: NotFoundError,
        grpc.StatusCode.UNAUTHENTICATED: NotPermittedError,
        grpc.StatusCode.PERMISSION_DENIED: NotPermittedError,
        grpc.StatusCode.RESOURCE_EXHAUSTED: OverloadedError,
        grpc.StatusCode.UNAVAILABLE: UnavailableError,
        grpc.StatusCode.DEADLINE_EXCEEDED: DeadlineExceededError,
    }
)


def error_from_status(status: status_pb2.Status, answered: int = 0) -> HousingError:
    """Return the error for a status."""
    return _ERRORS.get(HousingError(status).code, ServiceError)(status, answered=answered)


@contextmanager
def housing_errors(*, answered: int = 0) -> Iterator[None]:
    """Raise gRPC's errors in this block as `HousingError`, with the original as the cause.

    Args:
        answered: number of the caller's items answered before; indexes in violations are shifted by it.

    Raises:
        HousingError: the call failed.
    """
    try:
        yield
    except grpc.RpcError as error:
        raise error_from_status(_count_from(answered, _status(error)), answered) from error


def _status(error: grpc.RpcError) -> status_pb2.Status:
    call = cast(grpc.Call, error)  # what gRPC raises is the call itself; its type does not say so
    try:
        status = rpc_status.from_call(call)
    except ValueError:  # a proxy changed the code or the message: the proxy's status counts
        status = None
    return status or status_pb2.Status(code=call.code().value[0], message=call.details() or "")


def _detail(status: status_pb2.Status, kind: type[_Detail]) -> _Detail | None:
    detail = kind()
    return next((detail for packed in status.details if packed.Unpack(detail)), None)


def _count_from(first_item: int, status: status_pb2.Status) -> status_pb2.Status:
    """Add `first_item` to the index at the start of each violation's path."""
    bad_request = error_details_pb2.BadRequest()
    for packed in status.details:
        if first_item and packed.Unpack(bad_request):
            for violation in bad_request.field_violations:
                violation.field = re.sub(r"(?<=\[)\d+", lambda n: str(int(n[0]) + first_item), violation.field, count=1)
            packed.Pack(bad_request)
    return status
