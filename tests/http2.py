"""A gRPC client below gRPC: it sends what no gRPC library would, over HTTP/2 frames of its own making."""

import asyncio
import re
import struct
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Self

_PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
DATA, HEADERS, RST_STREAM, GOAWAY = 0, 1, 3, 7
"""Kinds of frames."""
_SETTINGS, _PING = 4, 6
_END_STREAM, _ACK, _END_HEADERS = 1, 1, 4
_GRPC_STATUS = re.compile(rb"(?:grpc-status|" + re.escape(bytes.fromhex("9acac8b21234da8f")) + rb")[\x01\x02](\d+)")
"""As HPACK spells it where it comes for the first time: as it is, or compressed."""


class Http2Connection:
    """A connection that is used for calls one after another: `async with Http2Connection.open(port)`."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self._next_stream = 1

    @classmethod
    @asynccontextmanager
    async def open(cls, port: int) -> AsyncIterator[Self]:
        """Connect to a port of the loopback address."""
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(_PREFACE + _frame(_SETTINGS, 0, 0, b""))
        yield cls(reader, writer)
        writer.close()

    async def call(
        self, path: str, headers: Sequence[tuple[bytes, bytes]] = (), message: bytes | None = b""
    ) -> int | None:
        """Make a call with one message; return its gRPC status, or None when its stream or the connection is reset.

        Args:
            path: path of the method.
            headers: more headers, sent as they are.
            message: the message; None to end the call without one.
        """
        stream = self.start(path, headers, end=message is None)
        if message is not None:
            self.send(stream, message, end=True)
        return await self.status(stream)

    def start(self, path: str, headers: Sequence[tuple[bytes, bytes]] = (), *, end: bool = False) -> int:
        """Send the headers of a call; return the number of its stream."""
        stream, self._next_stream = self._next_stream, self._next_stream + 2
        fixed = [(b":method", b"POST"), (b":scheme", b"http"), (b":path", path.encode()), (b":authority", b"test")]
        fixed += [(b"content-type", b"application/grpc"), (b"te", b"trailers")]
        block = b"".join(b"\x00" + _text(name) + _text(value) for name, value in [*fixed, *headers])
        self._writer.write(_frame(HEADERS, _END_HEADERS | (_END_STREAM if end else 0), stream, block))
        return stream

    def send(self, stream: int, message: bytes, *, end: bool) -> None:
        """Send a message of a call."""
        data = b"\x00" + struct.pack(">I", len(message)) + message
        self._writer.write(_frame(DATA, _END_STREAM if end else 0, stream, data))

    async def status(self, stream: int) -> int | None:
        """Wait for the gRPC status of a call; None when its stream or the connection is reset."""
        while True:
            kind, number, payload = await self.frame(HEADERS, RST_STREAM, GOAWAY)
            if kind == GOAWAY or (kind == RST_STREAM and number == stream):
                return None
            if kind == HEADERS and number == stream and (found := _GRPC_STATUS.search(payload)):
                return int(found[1])

    async def frame(self, *kinds: int) -> tuple[int, int, bytes]:
        """Wait for a frame of one of some kinds, and return its kind, stream and payload; others are skipped."""
        while True:
            head = await self._reader.readexactly(9)
            length, (kind, flags, stream) = int.from_bytes(head[:3], "big"), struct.unpack(">BBI", head[3:])
            payload = await self._reader.readexactly(length)
            if kind == _SETTINGS and not flags & _ACK:
                self._writer.write(_frame(_SETTINGS, _ACK, 0, b""))
            if kind == _PING and not flags & _ACK:
                self._writer.write(_frame(_PING, _ACK, 0, payload))
            if kind in kinds:
                return kind, stream, payload


def _frame(kind: int, flags: int, stream: int, payload: bytes) -> bytes:
    return len(payload).to_bytes(3, "big") + struct.pack(">BBI", kind, flags, stream) + payload


def _text(value: bytes) -> bytes:
    """Encode a string for HPACK, neither compressed nor remembered: its length with a prefix of 7 bits."""
    length, rest = (len(value), None) if len(value) < 0x7F else (0x7F, len(value) - 0x7F)
    encoded = bytes([length])
    while rest is not None:
        more = rest >= 0x80
        encoded += bytes([rest % 0x80 | (0x80 if more else 0)])
        rest = rest // 0x80 if more else None
    return encoded + value
