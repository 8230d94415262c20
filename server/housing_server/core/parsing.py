"""Bounded parsing of requests with lists that are too long.

An empty list item takes two bytes on the wire and a hundred in memory, so a message of a few megabytes can grow to
hundreds. Such a message is truncated after the first item too many; the contract's length rule then refuses it.
"""

from collections.abc import Callable
from functools import cache
from typing import TypeVar

from google.protobuf.descriptor import Descriptor
from google.protobuf.message import Message

from buf.validate import validate_pb2

Request = TypeVar("Request", bound=Message)

_VARINT, _FIXED_64, _LENGTH, _GROUP, _END_GROUP, _FIXED_32 = range(6)
"""Wire types: the encoding of the value after a key."""
_MORE = 0x80
"""The continuation bit of a varint."""
_LONGEST_SHIFT = 63
"""Shift of the tenth byte, the last that a varint may have."""


@cache
def list_limits(message: Descriptor) -> dict[str, int]:
    """Return the maximum number of items of each list of messages in a message, by field name.

    Raises:
        ValueError: the contract does not bound one of them.
    """
    found = {}
    for field in message.fields:
        if field.is_repeated and field.message_type is not None:
            found[field.name] = field.GetOptions().Extensions[validate_pb2.field].repeated.max_items
            if not found[field.name]:
                raise ValueError(f"{field.full_name} is not bounded by the contract")
    return found


def request_parser(kind: type[Request]) -> Callable[[bytes], Request]:
    """Create a parser that reads at most one list item too many.

    Raises:
        ValueError: the request has several lists, or one whose field number takes more than a byte.
    """
    limits = list_limits(kind.DESCRIPTOR)
    if not limits:
        return kind.FromString
    name, limit = next(iter(limits.items()))
    key = kind.DESCRIPTOR.fields_by_name[name].number << 3 | _LENGTH
    if len(limits) > 1 or key >= _MORE:
        raise ValueError(f"the lists of {kind.DESCRIPTOR.full_name} cannot be counted")
    too_many = bytes([key, 0]) * (limit + 1)

    def parse(data: bytes) -> Request:
        # However a key is encoded, it begins with one of two bytes: few of these mean few items.
        if data.count(key) + data.count(key | _MORE) > limit and is_too_long(data, key, limit):
            data = too_many
        return kind.FromString(data)

    return parse


def is_too_long(data: bytes, key: int, limit: int) -> bool:
    """Return whether a message has more list items than allowed, or more than twice as many fields of any kind.

    A message that is truncated or otherwise damaged before that point is left to the parser.
    """
    position = items = depth = 0
    try:
        for _ in range(2 * limit):
            if position >= len(data):
                return False
            found, position = _number(data, position)
            kind = found & 7
            items += found == key and not depth
            if items > limit:
                return True
            depth += (kind == _GROUP) - (kind == _END_GROUP)
            position = _behind(data, position, kind)
    except IndexError:
        return False
    return True


def _behind(data: bytes, position: int, kind: int) -> int:
    """Return the position after the value that begins at `position`."""
    if kind == _LENGTH:
        length, position = _number(data, position)
        return position + length
    if kind == _VARINT:
        return _number(data, position)[1]
    return position + {_FIXED_64: 8, _FIXED_32: 4}.get(kind, 0)


def _number(data: bytes, position: int) -> tuple[int, int]:
    """Read a varint; return it, and the position after it.

    Raises:
        IndexError: the message ends within it, or it is too long.
    """
    byte = data[position]
    position += 1
    value, shift = byte & ~_MORE, 7
    while byte & _MORE:
        if shift > _LONGEST_SHIFT:
            raise IndexError("a number of more than ten bytes")
        byte = data[position]
        position += 1
        value |= (byte & ~_MORE) << shift
        shift += 7
    return value, position
