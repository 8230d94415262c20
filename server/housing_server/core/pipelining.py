"""Streams with several messages under way at once, answered in order."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

Asked = TypeVar("Asked")
Begun = TypeVar("Begun")
Answered = TypeVar("Answered")


@dataclass(frozen=True, slots=True)
class _End:
    """The end of the messages."""

    error: Exception | None
    """What broke them off; None when their sender was done."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pipeline(Generic[Asked, Begun, Answered]):
    """Answers a stream of messages in their order.

    Reading goes on while answers are under way, until as many as the window are; then the sender is held back, and so
    neither side holds more than that.
    """

    begin: Callable[[Asked], Begun]
    """Takes a message up, without waiting."""
    finish: Callable[[Begun], Awaitable[Answered]]
    """Waits for its answer."""
    window: int
    """The most messages that may be under way."""

    async def answer(self, messages: AsyncIterator[Asked]) -> AsyncIterator[Answered]:
        """Answer messages until they end; raises what broke them off."""
        begun: asyncio.Queue[Begun | _End] = asyncio.Queue(self.window)
        reading = asyncio.create_task(self._read(messages, begun))
        try:
            while not isinstance(item := await begun.get(), _End):
                yield await self.finish(item)
            if item.error is not None:
                raise item.error
        finally:
            reading.cancel()
            await asyncio.wait([reading])

    async def _read(self, messages: AsyncIterator[Asked], begun: "asyncio.Queue[Begun | _End]") -> None:
        error = None
        try:
            async for message in messages:
                await begun.put(self.begin(message))
        except Exception as broken:  # pylint: disable=broad-exception-caught  # raised again where answers are awaited
            error = broken
        await begun.put(_End(error))
