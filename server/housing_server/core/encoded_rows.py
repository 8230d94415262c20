"""Rows read from the bytes of a request, without a message in between.

Every protobuf library encodes a complete block group in the same way: its fields in the order of their numbers, each
number as eight bytes after its key. A request that is encoded differently, lacks a number or breaks a rule is left to
the parser and `read_row`; a property test holds both to the same rows.
"""

import math
from collections.abc import Callable
from functools import cache
from struct import Struct
from typing import Any

from google.protobuf.message import Message

from housing.features import FEATURES, Feature
from housing.rules import ORDER_RULES
from housing.v1.block_group_pb2 import BlockGroup

VARINT, FIXED_64, LENGTH = range(3)
"""Wire types: a number of variable length; eight bytes; a length and as many bytes."""
_ONE_BYTE = 0x80
"""Keys and lengths below take one byte."""
_ORDERED = [(rule.field, rule.limit) for rule in ORDER_RULES]

ReadRow = Callable[[bytes], list[float] | None]
"""Reads the row of an encoded request; None if it is to be read in another way."""


def row_reader(request: type[Message]) -> ReadRow:
    """Create a reader of requests that consist of a block group.

    Raises:
        ValueError: the contract's block group has another form than numbers followed by a text.
    """
    *numbers, text = sorted(BlockGroup.DESCRIPTOR.fields, key=lambda field: field.number)
    if [field.index for field in (*numbers, text)] != list(range(len(FEATURES))) or not FEATURES[text.index].choices:
        raise ValueError("the rows of this contract cannot be read from bytes")
    layout = Struct("<BB" + "Bd" * len(numbers))
    unpack, size = layout.unpack_from, layout.size
    keys = tuple(key_of(field, FIXED_64) for field in numbers)
    begin = key_of(request.DESCRIPTOR.fields_by_name["block_group"], LENGTH)
    codes = text_codes(text)
    bounds = [_bounds(FEATURES[field.index]) for field in numbers]

    def read(data: bytes) -> list[float] | None:
        code = codes.get(data[size:])
        if code is None or len(data) < size:
            return None
        first, length, *fields = unpack(data)
        if first != begin or length != len(data) - 2 or tuple(fields[::2]) != keys:
            return None
        row: list[float] = fields[1::2]
        for value, (low, high) in zip(row, bounds, strict=True):
            if not low <= value <= high:
                return None
        for field, limit in _ORDERED:
            if row[field] > row[limit]:
                return None
        row.append(code)
        return row

    return read


def _bounds(number: Feature) -> tuple[float, float]:
    if number.minimum is None or number.maximum is None:
        raise ValueError(f"{number.name} has no bounds")
    return number.minimum, number.maximum


def key_of(field: Any, wire_type: int) -> int:
    """Return the key of a field in an encoded message.

    Raises:
        ValueError: it takes more than a byte.
    """
    key: int = field.number << 3 | wire_type
    if key >= _ONE_BYTE:
        raise ValueError(f"the key of {field.full_name} takes more than a byte")
    return key


@cache
def text_codes(text: Any) -> dict[bytes, float]:
    """Return the codes of a text field by its encoding; NaN where it is missing."""
    found = {b"": math.nan}
    for code, choice in enumerate(FEATURES[text.index].choices):
        encoded = choice.encode()
        found[bytes([key_of(text, LENGTH), len(encoded)]) + encoded] = float(code)
    return found
