"""The socket between the supervisor and a process.

It doubles as a lifeline: each side treats a closed socket as the death of the other, and a process answers every `Ping`
while its event loop turns, unless it has found that its work is stuck.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import suppress

from housing_server.control.messages import ControlMessage, Ping, Pong, decode, encode

_LINE_LIMIT = 1 << 20


class ControlChannel:
    """One end of the socket between the supervisor and a process."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.alive: Callable[[], bool] = lambda: True
        """Whether to answer a `Ping`."""
        self._reader = reader
        self._writer = writer
        self._received: asyncio.Queue[ControlMessage | None] = asyncio.Queue()
        self._reading = asyncio.create_task(self._read())

    @classmethod
    async def open(cls, end: socket.socket) -> ControlChannel:
        """Wrap one end of a socket pair."""
        return cls(*await asyncio.open_unix_connection(sock=end, limit=_LINE_LIMIT))

    def send(self, message: ControlMessage) -> None:
        """Send a message; it is dropped when the peer has closed the socket, which `receive` reports."""
        if not self._writer.is_closing():
            self._writer.write(encode(message))

    async def flush(self) -> None:
        """Wait until everything sent has been written to the socket."""
        self._writer.transport.set_write_buffer_limits(0)
        with suppress(ConnectionError):
            await self._writer.drain()

    async def receive(self) -> ControlMessage | None:
        """Wait for a message; None when the peer has closed the socket."""
        message = await self._received.get()
        if message is None:
            self._received.put_nowait(None)  # for the next caller
        return message

    async def __aiter__(self) -> AsyncIterator[ControlMessage]:
        while (message := await self.receive()) is not None:
            yield message

    def close(self) -> None:
        """Close this end."""
        self._reading.cancel()
        self._writer.close()

    async def _read(self) -> None:
        try:
            while (line := await self._reader.readline()).endswith(b"\n"):
                self._receive(decode(line))
        except ConnectionError:
            pass  # the peer has closed the socket
        finally:
            self._received.put_nowait(None)

    def _receive(self, message: ControlMessage) -> None:
        if isinstance(message, Ping):
            if self.alive():
                self.send(Pong())
        else:
            self._received.put_nowait(message)
