"""gRPC headers and trailers: deadlines, metadata, statuses."""

import re
from base64 import b64encode
from collections.abc import Mapping
from functools import lru_cache
from urllib.parse import quote

from google.rpc.code_pb2 import RESOURCE_EXHAUSTED
from google.rpc.status_pb2 import Status

from housing_server.asgi_transport.events import Scope
from housing_server.core.calls import CANARY, CREDENTIALS, REQUEST_ID, is_request_id
from housing_server.limits import MAX_METADATA_BYTES

Headers = list[tuple[bytes, bytes]]
"""Lower-case names, and values."""

_TIMEOUT = re.compile(rb"([0-9]{1,8})([HMSmun])")
_UNITS = {b"H": 3600.0, b"M": 60.0, b"S": 1.0, b"m": 1e-3, b"u": 1e-6, b"n": 1e-9}
_CONTENT_TYPE = re.compile(rb"application/grpc(\+proto)?(;.*)?")
_READ = {name.encode(): name for name in (REQUEST_ID, "traceparent", "tracestate", CANARY)}
"""The request metadata that is used."""
_CREDENTIALS = {name.encode(): name for name in CREDENTIALS}
_PRINTABLE = "".join(chr(code) for code in range(0x20, 0x7F) if chr(code) != "%")
_REQUEST_ID = REQUEST_ID.encode()
_OVERHEAD = 32
"""What HTTP/2 counts for an entry beside its text."""
TOO_MUCH_METADATA: Headers = [
    (b"grpc-status", str(RESOURCE_EXHAUSTED).encode()),
    (b"grpc-message", f"a call may have {MAX_METADATA_BYTES} bytes of metadata".encode()),
]
"""The trailers of a call that is not looked at; like gRPC's own library, it is not counted as one either."""


def is_grpc(content_type: bytes) -> bool:
    """Return whether this is the content type of a gRPC call with protobuf messages."""
    return _CONTENT_TYPE.fullmatch(content_type) is not None


def size(headers: Mapping[bytes, bytes]) -> int:
    """Measure headers as HTTP/2 does, but for repeated names."""
    return sum(map(len, headers)) + sum(map(len, headers.values())) + _OVERHEAD * len(headers)


def seconds_left(timeout: bytes | None) -> float | None:
    """Parse `grpc-timeout`, such as `100m`, into seconds; None when absent or malformed, as in gRPC's own libraries."""
    match = _TIMEOUT.fullmatch(timeout) if timeout is not None else None
    return int(match[1]) * _UNITS[match[2]] if match else None


def metadata(headers: Mapping[bytes, bytes]) -> list[tuple[str, str]]:
    """Return the request metadata that is used."""
    if _READ.keys().isdisjoint(headers):
        return []
    return [(name, headers[key].decode("latin-1")) for key, name in _READ.items() if key in headers]


def credentials(headers: Mapping[bytes, bytes]) -> list[tuple[str, str]]:
    """Return the request metadata that shows who calls."""
    return [(name, headers[key].decode("latin-1")) for key, name in _CREDENTIALS.items() if key in headers]


def has_bad_request_id(headers: Mapping[bytes, bytes]) -> bool:
    """Return whether a request has an id that is replaced."""
    given = headers.get(_REQUEST_ID)
    return given is not None and not is_request_id(given.decode("latin-1"))


def peer(scope: Scope) -> str:
    """Return the peer address of a request in gRPC's notation."""
    return _peer(scope.get("client") or ("unknown", 0))


@lru_cache(maxsize=1024)
def _peer(client: tuple[str, int]) -> str:
    host, port = client
    return f"ipv6:[{host}]:{port}" if ":" in host else f"ipv4:{host}:{port}"


def success(request_id: str) -> Headers:
    """Return the trailers of a successful call."""
    return [(b"grpc-status", b"0"), (_REQUEST_ID, request_id.encode())]


def failure(request_id: str, status: Status) -> Headers:
    """Return the trailers of a failed call."""
    return [
        (b"grpc-status", str(status.code).encode()),
        (b"grpc-message", quote(status.message, safe=_PRINTABLE).encode()),
        (b"grpc-status-details-bin", b64encode(status.SerializeToString()).rstrip(b"=")),
        (_REQUEST_ID, request_id.encode()),
    ]
