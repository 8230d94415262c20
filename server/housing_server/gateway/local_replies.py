"""Envoy's own responses when a process cannot be reached: the same errors as from a worker's relay."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterator, Sequence
from typing import Any

from google.protobuf.descriptor import MethodDescriptor

from housing.routes import grpc_path
from housing.services import SERVICES
from housing_server.core.status import reason_of_error, status_from_error
from housing_server.errors import DeadlinePassed, Overloaded, RequestError, ServiceUnavailable

_RETRY_SECONDS = 1.0
_Filter = dict[str, Any]
_OVERLOADED, _LATE = Overloaded(_RETRY_SECONDS), DeadlinePassed()


def local_replies(methods: Sequence[MethodDescriptor]) -> dict[str, Any]:
    """Return the `local_reply_config` of a connection manager.

    Args:
        methods: the methods that other processes answer.
    """
    return {"mappers": [mapper for method in methods for mapper in _mappers(method)]}


def reasons_by_text() -> dict[str, dict[str, str]]:
    """Return the reason of each of these responses by its text, and the service that it is about, for errors.lua."""
    replies = {str(error): {"reason": reason_of_error(type(error)).name} for error in (_OVERLOADED, _LATE)}
    for service in SERVICES:
        error = ServiceUnavailable(service)
        replies[str(error)] = {"reason": reason_of_error(type(error)).name, "service": service}
    return replies


def _mappers(method: MethodDescriptor) -> Iterator[dict[str, Any]]:
    path, unavailable = grpc_path(method), ServiceUnavailable(method.containing_service.full_name)
    # Not connected, not healthy, disconnected during the call, or a protocol error.
    gone = _flags("UF", "UH", "UC", "UR", "URX", "LH", "LR", "UPE")
    yield _mapper(gone, unavailable, path)
    yield _mapper(_flags("UO"), _OVERLOADED, path)
    yield _mapper(_status(504), _LATE, path)


def _flags(*flags: str) -> _Filter:
    return {"response_flag_filter": {"flags": list(flags)}}


def _status(code: int) -> _Filter:
    return {"status_code_filter": {"comparison": {"op": "EQ", "value": {"default_value": code, "runtime_key": "none"}}}}


def _mapper(cause: _Filter, error: RequestError, path: str) -> dict[str, Any]:
    status = status_from_error(error)
    details = b64encode(status.SerializeToString()).decode().rstrip("=")
    by_path = {"name": ":path", "string_match": {"exact": path}}
    return {
        "filter": {"and_filter": {"filters": [cause, {"header_filter": {"header": by_path}}]}},
        "status_code": reason_of_error(type(error)).http_status,
        "body": {"inline_string": status.message},
        "headers_to_add": [
            _header("grpc-status", str(status.code)),
            _header("grpc-status-details-bin", details),
        ],
    }


def _header(key: str, value: str) -> dict[str, Any]:
    return {"header": {"key": key, "value": value}, "append_action": "OVERWRITE_IF_EXISTS_OR_ADD"}
