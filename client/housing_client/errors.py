"""What a call can fail with.

HousingError                 any call that brought no answer
├── InvalidRequestError      the request breaks the contract: `violations` says where
├── NotFoundError            what is asked about is not there
├── NotPermittedError        the caller is unknown, or may not do this
├── OverloadedError          the service, or the caller's share of it, is used up: try again later
├── UnavailableError         nothing answers at the target, or no model is loaded yet
├── DeadlineExceededError    the answer did not come in time
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
    """One way in which a request breaks the contract."""

    field: str
    """Path of the field, for example `block_groups[17].latitude`."""
    reason: str
    """The stable id of the rule, for example `double.lte`."""
    description: str
    """What the rule asks for, in words."""

    def __str__(self) -> str:
        return f"{self.field}: {self.description} ({self.reason})"

    def in_table(self) -> str:
        """Return the same about a row, where the field is a column: without the path to the row."""
        return f"{self.field.rpartition('.')[2]}: {self.description} ({self.reason})"


class HousingError(Exception):
    """A call brought no answer.

    Args:
        status: the status that the call ended with, whole.
        answered: how many items of the call were answered before: block groups, outcomes, or predictions of a list.
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
        """The stable name of the reason, in UPPER_SNAKE_CASE; empty when the service gave none."""
        info = _detail(self.status, error_details_pb2.ErrorInfo)
        return info.reason if info else ""


class InvalidRequestError(HousingError):
    """The request breaks the contract, and would do so again."""

    @property
    def violations(self) -> tuple[Violation, ...]:
        """Every rule that was broken, in the order of the fields; empty when the service named none."""
        details = _detail(self.status, error_details_pb2.BadRequest)
        return tuple(
            Violation(field=found.field, reason=found.reason, description=found.description)
            for found in (details.field_violations if details else ())
        )

    def _text(self) -> str:
        return "\n".join(map(str, self.violations)) or super()._text()


class NotFoundError(HousingError):
    """What is asked about is not there."""


class NotPermittedError(HousingError):
    """The caller is unknown, or may not do this."""


class OverloadedError(HousingError):
    """The service, or the caller's share of it, is used up: try again later."""


class UnavailableError(HousingError):
    """Nothing answers at the target, or no model is loaded yet; it was tried several times."""


class DeadlineExceededError(HousingError):
    """The answer did not come in time."""


class ServiceError(HousingError):
    """The service failed in a way that is not the caller's to mend."""


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
    """Choose the error that a status stands for."""
    return _ERRORS.get(HousingError(status).code, ServiceError)(status, answered=answered)


@contextmanager
def housing_errors(*, answered: int = 0) -> Iterator[None]:
    """Raise what gRPC raises in this block as a `HousingError`, with the original as its cause.

    Args:
        answered: how many of the items that the caller gave were answered before; violations are counted from there.

    Raises:
        HousingError: the call failed.
    """
    try:
        yield
    except grpc.RpcError as error:
        raise error_from_status(_count_from(answered, _status(error)), answered) from error


def _status(error: grpc.RpcError) -> status_pb2.Status:
    call = cast(grpc.Call, error)  # what gRPC raises is the call itself, or has its methods; the type says less
    try:
        status = rpc_status.from_call(call)
    except ValueError:  # a proxy changed the code or the message: theirs is what happened
        status = None
    return status or status_pb2.Status(code=call.code().value[0], message=call.details() or "")


def _detail(status: status_pb2.Status, kind: type[_Detail]) -> _Detail | None:
    detail = kind()
    return next((detail for packed in status.details if packed.Unpack(detail)), None)


def _count_from(first_item: int, status: status_pb2.Status) -> status_pb2.Status:
    """Move the index at the head of each violation's path by `first_item`."""
    bad_request = error_details_pb2.BadRequest()
    for packed in status.details:
        if first_item and packed.Unpack(bad_request):
            for violation in bad_request.field_violations:
                violation.field = re.sub(r"(?<=\[)\d+", lambda n: str(int(n[0]) + first_item), violation.field, count=1)
            packed.Pack(bad_request)
    return status
