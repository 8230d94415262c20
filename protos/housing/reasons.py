"""Reasons for which calls are refused, read from `ErrorReason` of the contract."""

from collections.abc import Mapping
from dataclasses import dataclass

from google.protobuf.descriptor import EnumValueDescriptor

from housing.v1 import annotations_pb2, error_reason_pb2
from housing.v1.error_reason_pb2 import ErrorReason

DOMAIN = "housing.v1"
"""The domain of every `ErrorInfo` with one of these reasons."""

_PREFIX = "ERROR_REASON_"


@dataclass(frozen=True, slots=True, kw_only=True)
class Reason:
    """A reason, with what it is answered with."""

    name: str
    """The `reason` of an `ErrorInfo`."""
    code: int
    """The gRPC status code, a value of `google.rpc.Code`."""
    http_status: int
    """The status of an answer of the gateway in JSON; 0 where only gRPC calls meet the reason."""


def _reason(value: EnumValueDescriptor) -> Reason:
    options = value.GetOptions().Extensions
    return Reason(
        name=value.name.removeprefix(_PREFIX),
        code=options[annotations_pb2.code],
        http_status=options[annotations_pb2.http_status],
    )


_BY_VALUE = {value.number: _reason(value) for value in error_reason_pb2.ErrorReason.DESCRIPTOR.values if value.number}

REASONS: Mapping[str, Reason] = {reason.name: reason for reason in _BY_VALUE.values()}
"""All reasons by name."""


def reason_of(value: ErrorReason.ValueType) -> Reason:
    """Return the reason that a value of the enum stands for.

    Raises:
        KeyError: it stands for none.
    """
    return _BY_VALUE[value]
