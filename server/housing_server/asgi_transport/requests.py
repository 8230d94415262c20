"""The requests of a call: a single message, or a stream with bounded read-ahead."""

import asyncio
from collections.abc import AsyncIterator
from types import TracebackType
from typing import Any, Self

from housing_server.asgi_transport.events import CallerGone, Receive, shielded, wait_for_disconnect
from housing_server.asgi_transport.frames import Frames, only_message

_READ_AHEAD_BYTES = 64 << 10
"""How much of a stream is buffered before back-pressure is applied."""


async def read_only_message(receive: Receive, frames: Frames) -> bytes | None:
    """Read the only message of a request; None when there is none, or more than one.

    Raises:
        CallerGone: the caller has closed the call.
        MessageTooLarge: the message is too large.
        UndecodableMessage: the body is not a sequence of frames.
    """
    event = await shielded(receive())
    if event["type"] == "http.request" and not event.get("more_body", False):
        message = only_message(event.get("body", b""))
        if message is not None:
            return message
    messages: list[bytes] = []
    while True:
        if event["type"] == "http.disconnect":
            raise CallerGone
        frames.feed(event.get("body", b""))
        messages += frames.messages()
        if not event.get("more_body", False):
            frames.close()
            return messages[0] if len(messages) == 1 else None
        if len(messages) > 1:
            return None
        event = await shielded(receive())


class Requests:
    """The messages of a stream: `async with Requests(...)` raises CallerGone in its block if the caller disconnects."""

    def __init__(self, receive: Receive, frames: Frames) -> None:
        self._receive = receive
        self._frames = frames
        self._arrived = asyncio.Event()
        self._wanted = asyncio.Event()
        self._ended = False
        self._gone = False
        self._task: asyncio.Task[Any] | None = None
        self._reading: asyncio.Task[None] | None = None

    async def __aiter__(self) -> AsyncIterator[bytes]:
        while True:
            for message in self._frames.messages():
                yield message
            if self._ended:
                self._frames.close()
                return
            self._arrived.clear()
            self._wanted.set()
            await self._arrived.wait()

    async def __aenter__(self) -> Self:
        self._task = asyncio.current_task()
        self._reading = asyncio.create_task(self._read())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        assert self._task is not None  # noqa: S101 - both are set on entering
        assert self._reading is not None  # noqa: S101
        self._reading.cancel()
        if self._gone:
            self._task.uncancel()
            if isinstance(error, asyncio.CancelledError):
                raise CallerGone from error

    async def _read(self) -> None:
        while not self._ended:
            event = await shielded(self._receive())
            if event["type"] == "http.disconnect":
                return self._hang_up()
            self._frames.feed(event.get("body", b""))
            self._ended = not event.get("more_body", False)
            self._arrived.set()
            if self._frames.size > _READ_AHEAD_BYTES:
                self._wanted.clear()
                await self._wanted.wait()
        await wait_for_disconnect(self._receive)
        return self._hang_up()

    def _hang_up(self) -> None:
        self._gone = True
        if self._task is not None:
            self._task.cancel()
