"""Envoy's own responses when a process cannot be reached: the same errors as from a worker's relay."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Sequence
from typing import Any

from google.rpc.error_details_pb2 import ErrorInfo
from google.rpc.status_pb2 import Status

from housing_server.core.status import status_from_error
from housing_server.errors import DeadlinePassed, HelperUnavailable, Overloaded, RequestError

_RETRY_SECONDS = 1.0
_Filter = dict[str, Any]
_UNAVAILABLE, _OVERLOADED, _LATE = HelperUnavailable(), Overloaded(_RETRY_SECONDS), DeadlinePassed()
_HTTP_STATUS = {HelperUnavailable: 503, Overloaded: 429, DeadlinePassed: 504}


def local_replies(paths: Sequence[str]) -> dict[str, Any]:
    """Return the `local_reply_config` of a connection manager.

    Args:
        paths: regular expressions for the gRPC paths that other processes answer.
    """
    causes: list[tuple[_Filter, RequestError]] = [
        # Not connected, not healthy, disconnected during the call, or a protocol error.
        (_flags("UF", "UH", "UC", "UR", "URX", "LH", "LR", "UPE"), _UNAVAILABLE),
        (_flags("UO"), _OVERLOADED),
        (_status(504), _LATE),
    ]
    return {"mappers": [_mapper(cause, error, "|".join(paths)) for cause, error in causes if paths]}


def codes_and_reasons() -> dict[str, list[int | str]]:
    """Return code and reason of these responses by their text, for errors.lua."""
    statuses = [status_from_error(error) for error in (_UNAVAILABLE, _OVERLOADED, _LATE)]
    return {status.message: [status.code, _reason(status)] for status in statuses}


def _reason(status: Status) -> str:
    info = ErrorInfo()
    status.details[-1].Unpack(info)
    return str(info.reason)


def _flags(*flags: str) -> _Filter:
    return {"response_flag_filter": {"flags": list(flags)}}


def _status(code: int) -> _Filter:
    return {"status_code_filter": {"comparison": {"op": "EQ", "value": {"default_value": code, "runtime_key": "none"}}}}


def _mapper(cause: _Filter, error: RequestError, paths: str) -> dict[str, Any]:
    status = status_from_error(error)
    details = b64encode(status.SerializeToString()).decode().rstrip("=")
    by_path = {"name": ":path", "string_match": {"safe_regex": {"regex": f"({paths})"}}}
    return {
        "filter": {"and_filter": {"filters": [cause, {"header_filter": {"header": by_path}}]}},
        "status_code": _HTTP_STATUS[type(error)],
        "body": {"inline_string": status.message},
        "headers_to_add": [
            _header("grpc-status", str(status.code)),
            _header("grpc-status-details-bin", details),
        ],
    }


def _header(key: str, value: str) -> dict[str, Any]:
    return {"header": {"key": key, "value": value}, "append_action": "OVERWRITE_IF_EXISTS_OR_ADD"}
