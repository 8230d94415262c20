"""Streams with several messages in flight, answered in order."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

Message = TypeVar("Message")
Pending = TypeVar("Pending")
Answer = TypeVar("Answer")


@dataclass(frozen=True, slots=True)
class _End:
    """Marks the end of the messages."""

    error: Exception | None
    """The exception that ended the stream; None at its regular end."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pipeline(Generic[Message, Pending, Answer]):
    """Answers a stream of messages in order.

    Messages are read ahead while answers are pending, up to the window; beyond it back-pressure applies, so memory is
    bounded on both sides.
    """

    begin: Callable[[Message], Pending]
    """Starts work on a message, without blocking."""
    finish: Callable[[Pending], Awaitable[Answer]]
    """Waits for the answer."""
    window: int
    """The most messages in flight."""

    async def answer(self, messages: AsyncIterator[Message]) -> AsyncIterator[Answer]:
        """Yield the answers to messages until these end; raises the exception that ended the stream."""
        pending: asyncio.Queue[Pending | _End] = asyncio.Queue(self.window)
        reading = asyncio.create_task(self._read(messages, pending))
        try:
            while not isinstance(item := await pending.get(), _End):
                yield await self.finish(item)
            if item.error is not None:
                raise item.error
        finally:
            reading.cancel()
            await asyncio.wait([reading])

    async def _read(self, messages: AsyncIterator[Message], pending: "asyncio.Queue[Pending | _End]") -> None:
        error = None
        try:
            async for message in messages:
                await pending.put(self.begin(message))
        except Exception as broken:  # pylint: disable=broad-exception-caught  # raised again in `answer`
            error = broken
        await pending.put(_End(error))
