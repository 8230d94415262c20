"""Rows of a batch read from its encoding by NumPy, without a message for the batch.

A complete block group is encoded in one way: its numbers, each as eight bytes after its key, then the text. What lacks
a number, or has a text or anything else that the contract does not know, is parsed and left to `read_rows`.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from housing.rules import BATCH_SIZES
from housing.v1.block_group_pb2 import BlockGroup
from housing.v1.prediction_service_pb2 import BatchPredictRequest
from housing_server.core.encoded_rows import FIXED_64, LENGTH, VARINT, key_of, text_codes
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
_FIELDS = BatchPredictRequest.DESCRIPTOR.fields_by_name
_ITEM_KEY = key_of(_FIELDS["block_groups"], LENGTH)
_ENDINGS = {b"": False, bytes([key_of(_FIELDS["partial_results"], VARINT), 1]): True}
"""What may follow the block groups, and whether it requests partial results."""
_KEYS = np.array([key_of(field, FIXED_64) for field in _NUMBERS], np.uint8)
_SIZE = _FIELD * len(_NUMBERS)


@dataclass(frozen=True, slots=True, kw_only=True)
class PackedBatch:
    """An encoded batch, and where its n block groups are."""

    data: bytes
    """The encoded BatchPredictRequest."""
    starts: NDArray[np.intp]
    """Where each block group starts, shape (n,)."""
    lengths: NDArray[np.uint8]
    """Their sizes in bytes, shape (n,)."""
    codes: NDArray[np.float64]
    """The codes of their texts, NaN where a text is missing; undefined for block groups that are not complete."""
    partial_results: bool
    """Whether partial results are requested."""

    def messages(self, which: Iterable[int]) -> list[BlockGroup]:
        """Parse some block groups.

        Raises:
            DecodeError: one is malformed, and so is the batch.
        """
        ends = self.starts + self.lengths
        return [BlockGroup.FromString(self.data[self.starts[index] : ends[index]]) for index in which]

    def rows(self) -> tuple[Rows, NDArray[np.bool_]]:
        """Read the rows.

        Returns:
            Rows, float64, shape (n, 9), columns in `FEATURES` order, NaN where the text is missing; not checked. And
            which are complete, shape (n,): the values of others are undefined.
        """
        complete = (self.lengths >= _SIZE) & (self.codes != _NOT_READ)
        rows = np.zeros((len(self.starts), len(_NUMBERS) + 1))
        rows[:, -1] = self.codes
        if complete.any():
            octets = np.frombuffer(self.data, np.uint8)
            fields = sliding_window_view(octets, _SIZE)[self.starts[complete]].reshape(-1, len(_NUMBERS), _FIELD)
            rows[complete, :-1] = np.ascontiguousarray(fields[:, :, 1:]).view("<f8")[:, :, 0]
            complete[complete] = (fields[:, :, 0] == _KEYS).all(axis=1)
        return rows, complete


def find_rows(data: bytes) -> PackedBatch | None:
    """Find the block groups of an encoded batch; None if it is encoded differently, too long or malformed."""
    starts, codes, position, end = [], [], 0, len(data)
    code: Callable[[bytes, float], float] = text_codes(_TEXT).get
    try:
        for _ in BATCH_SIZES:
            if position >= end or data[position] != _ITEM_KEY:
                break
            start = position + _HEAD
            position = start + data[start - 1]
            starts.append(start)
            codes.append(code(data[start + _SIZE : position], _NOT_READ))
    except IndexError:
        return None
    partial_results = _ENDINGS.get(data[position : position + _HEAD + 1])
    if position > end or partial_results is None or not starts:
        return None
    where = np.array(starts)
    lengths = np.frombuffer(data, np.uint8)[where - 1]
    if (lengths >= _ONE_BYTE).any():
        return None
    return PackedBatch(data=data, starts=where, lengths=lengths, codes=np.array(codes), partial_results=partial_results)
