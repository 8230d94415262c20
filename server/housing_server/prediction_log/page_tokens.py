"""Page tokens: the position at which a listing continues, opaque to callers."""

import hashlib
from base64 import urlsafe_b64decode, urlsafe_b64encode
from typing import TypeAlias
from uuid import UUID

from housing.v1.model_service_pb2 import ListModelChangesRequest
from housing.v1.prediction_log_service_pb2 import ListPredictionsRequest
from housing.v1.retraining_service_pb2 import ListRetrainingsRequest
from housing_server.errors import FieldViolation, InvalidRequest
from housing_server.prediction_log.tables import Position

_TIME_BYTES, _ID_BYTES, _FILTER_BYTES = 8, 16, 6
_LATEST_US = (1 << 63) - 1
"""The largest value of a time column."""

PagedRequest: TypeAlias = ListPredictionsRequest | ListRetrainingsRequest | ListModelChangesRequest
"""The request of a listing in the order of time and id."""


def token_from_position(position: Position, request: PagedRequest) -> str:
    """Create a token that continues after a position, for the filters of a request."""
    at, key = position
    content = at.to_bytes(_TIME_BYTES) + UUID(key).bytes + _filters(request)
    return urlsafe_b64encode(content).decode()  # 30 bytes: no padding


def position_from_token(request: PagedRequest) -> Position | None:
    """Return the position at which a request continues; None for the first page.

    Raises:
        InvalidRequest: the token is malformed, or was issued for other filters.
    """
    if not request.page_token:
        return None
    try:
        content = urlsafe_b64decode(request.page_token)
    except ValueError:
        content = b""
    at, key = int.from_bytes(content[:_TIME_BYTES]), content[_TIME_BYTES:-_FILTER_BYTES]
    filters = content[-_FILTER_BYTES:]
    if at > _LATEST_US or len(key) != _ID_BYTES or filters != _filters(request):
        description = "must be the next_page_token of a page with the same filters"
        raise InvalidRequest([FieldViolation(field="page_token", rule="page_token.issued", description=description)])
    return Position(at, str(UUID(bytes=key)))


def _filters(request: PagedRequest) -> bytes:
    """Return a digest of a request's filters."""
    filters = type(request).FromString(request.SerializeToString())
    filters.ClearField("page_size")
    filters.ClearField("page_token")
    return hashlib.sha256(filters.SerializeToString(deterministic=True)).digest()[:_FILTER_BYTES]
