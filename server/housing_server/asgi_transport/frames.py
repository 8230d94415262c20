"""Length-prefixed messages: a flag byte for compression, four bytes of length, and the message.

https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md
"""

import struct
import zlib
from collections.abc import Iterator

from housing_server.errors import EncodingNotSupported, MessageTooLarge, UndecodableMessage
from housing_server.limits import MAX_REQUEST_BYTES

ENCODINGS = b"gzip,identity"
"""The request encodings that are supported."""

_PREFIX = struct.Struct(">BI")
_GZIP_WINDOW = 31
"""The `wbits` value that makes zlib expect a gzip header and checksum."""
_PLAIN, _COMPRESSED = 0, 1


def frame(message: bytes) -> bytes:
    """Encode a message as an uncompressed frame."""
    return _PREFIX.pack(_PLAIN, len(message)) + message


def only_message(body: bytes) -> bytes | None:
    """Return the message of a body that is exactly one uncompressed frame; None for any other body."""
    if len(body) < _PREFIX.size or body[0] != _PLAIN:
        return None
    size: int = _PREFIX.unpack_from(body)[1]
    return body[_PREFIX.size :] if len(body) == _PREFIX.size + size else None


class Frames:
    """Splits a request body into messages as it arrives."""

    def __init__(self, encoding: bytes, message_type: str, *, max_bytes: int = MAX_REQUEST_BYTES) -> None:
        """Start with an empty buffer.

        Args:
            encoding: the `grpc-encoding` header, empty without one.
            message_type: full name of the messages' type, for errors.
            max_bytes: the largest message, before and after decompression.

        Raises:
            EncodingNotSupported: the encoding is neither gzip nor identity.
        """
        if encoding not in {b"", b"identity", b"gzip"}:
            raise EncodingNotSupported
        self._gzip = encoding == b"gzip"
        self._message_type = message_type
        self._max_bytes = max_bytes
        self._buffer = bytearray()

    def feed(self, data: bytes) -> None:
        """Append received bytes."""
        self._buffer += data

    @property
    def size(self) -> int:
        """The number of buffered bytes that are not part of a returned message."""
        return len(self._buffer)

    def messages(self) -> Iterator[bytes]:
        """Remove and yield the messages that are complete.

        Raises:
            MessageTooLarge: a message is too large, even if only its prefix has arrived.
            UndecodableMessage: a message is not compressed as its prefix says.
        """
        while len(self._buffer) >= _PREFIX.size:
            flag, size = _PREFIX.unpack_from(self._buffer)
            if size > self._max_bytes:
                raise MessageTooLarge(self._max_bytes)
            end = _PREFIX.size + size
            if len(self._buffer) < end:
                return
            data = bytes(self._buffer[_PREFIX.size : end])
            del self._buffer[:end]
            yield data if flag == _PLAIN else self._decompress(flag, data)

    def close(self) -> None:
        """Check that the body did not end within a message.

        Raises:
            UndecodableMessage: it did.
        """
        if self._buffer:
            raise UndecodableMessage(self._message_type)

    def _decompress(self, flag: int, data: bytes) -> bytes:
        if flag != _COMPRESSED or not self._gzip:
            raise UndecodableMessage(self._message_type)
        unpacking = zlib.decompressobj(_GZIP_WINDOW)
        try:
            message = unpacking.decompress(data, self._max_bytes + 1)
        except zlib.error:
            raise UndecodableMessage(self._message_type) from None
        if len(message) > self._max_bytes:
            raise MessageTooLarge(self._max_bytes)
        if not unpacking.eof or unpacking.unused_data:
            raise UndecodableMessage(self._message_type)
        return message
