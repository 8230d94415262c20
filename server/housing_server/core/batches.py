"""Encoded batches: read without a message where that is possible, which takes less time and half of the memory."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Self

from google.protobuf.message import DecodeError

from housing.v1.prediction_service_pb2 import BatchPredictRequest
from housing_server.core.packed_rows import PackedBatch, find_rows
from housing_server.core.rows import CheckedRows, read_packed, read_rows

_FEW_BYTES = 1_600
"""Smaller batches are parsed: below some 16 rows plain Python is faster than NumPy."""

Decode = Callable[[bytes], BatchPredictRequest]
"""Parses a request; raises a RequestError if it is malformed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """A request to BatchPredict."""

    count: int
    """Number of its block groups."""
    partial_results: bool
    """Whether invalid rows are to be refused one by one."""
    read: Callable[[], CheckedRows]
    """Reads and checks the rows; raises a RequestError if the request is malformed."""

    @classmethod
    def of(cls, data: bytes, decode: Decode) -> Self:
        """Find out what an encoded request asks for; the rows are read later, maybe on another thread.

        Raises:
            UndecodableMessage: the request is malformed.
        """
        found = find_rows(data) if len(data) > _FEW_BYTES else None
        if found is not None:
            read = partial(_read, found, decode)
            return cls(count=len(found.starts), partial_results=found.partial_results, read=read)
        request = decode(data)
        groups = request.block_groups
        return cls(count=len(groups), partial_results=request.partial_results, read=partial(read_rows, groups))


def _read(found: PackedBatch, decode: Decode) -> CheckedRows:
    try:
        return read_packed(found)
    except DecodeError:
        return read_rows(decode(found.data).block_groups)
