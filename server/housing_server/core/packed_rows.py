"""Rows of a batch read from its encoded message by NumPy, instead of asking a message for each field of each row.

A complete block group is encoded in one way: its numbers, each as eight bytes after its key, then the text. What lacks
a number, or has a text or anything else that the contract does not know, is left to `read_rows`.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from housing.v1.block_group_pb2 import BlockGroup
from housing.v1.prediction_service_pb2 import BatchPredictRequest
from housing_server.core.encoded_rows import FIXED_64, LENGTH, key_of, text_codes
from housing_server.core.model import Rows

_ONE_BYTE = 0x80
"""Lengths below take one byte."""
_HEAD = 2
"""Bytes before a block group: its key and its length."""
_FIELD = 9
"""Bytes of a number with its key."""
_NOT_READ = -1.0
"""Stands for the code of a text that is none of the field's choices."""

_NUMBERS = sorted(BlockGroup.DESCRIPTOR.fields, key=lambda field: field.number)[:-1]
_TEXT = max(BlockGroup.DESCRIPTOR.fields, key=lambda field: field.number)
_ITEM_KEY = key_of(BatchPredictRequest.DESCRIPTOR.fields_by_name["block_groups"], LENGTH)
_KEYS = np.array([key_of(field, FIXED_64) for field in _NUMBERS], np.uint8)
_SIZE = _FIELD * len(_NUMBERS)


@dataclass(frozen=True, slots=True, kw_only=True)
class PackedRows:
    """Rows read from an encoded batch."""

    rows: Rows
    """float64, shape (n, 9), columns in `FEATURES` order; NaN where the text is missing. Not checked."""
    complete: NDArray[np.bool_]
    """Which rows were read; the values of others are undefined. Shape (n,)."""


def read_packed(request: BatchPredictRequest) -> PackedRows | None:
    """Read the block groups of a batch; None if they cannot be found in its encoding."""
    data, count = request.SerializeToString(), len(request.block_groups)
    try:
        starts, codes = _find(data, count)
    except IndexError:
        return None
    octets = np.frombuffer(data, np.uint8)
    lengths = octets[starts - 1]
    if (octets[starts - _HEAD] != _ITEM_KEY).any() or (lengths >= _ONE_BYTE).any():
        return None
    complete = (lengths >= _SIZE) & (codes != _NOT_READ)
    rows = np.zeros((count, len(_NUMBERS) + 1))
    rows[:, -1] = codes
    fields = sliding_window_view(octets, _SIZE)[starts[complete]].reshape(-1, len(_NUMBERS), _FIELD)
    rows[complete, :-1] = np.ascontiguousarray(fields[:, :, 1:]).view("<f8")[:, :, 0]
    complete[complete] = (fields[:, :, 0] == _KEYS).all(axis=1)
    return PackedRows(rows=rows, complete=complete)


def _find(data: bytes, count: int) -> tuple[NDArray[np.intp], NDArray[np.float64]]:
    """Return where each block group starts, and the code of its text.

    Raises:
        IndexError: the message has an end before that.
    """
    starts, codes, start = [], [], _HEAD
    code: Callable[[bytes, float], float] = text_codes(_TEXT).get
    for _ in range(count):
        end = start + data[start - 1]
        starts.append(start)
        codes.append(code(data[start + _SIZE : end], _NOT_READ))
        start = end + _HEAD
    return np.array(starts), np.array(codes)
