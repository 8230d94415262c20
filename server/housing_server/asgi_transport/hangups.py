"""Callers that go away before a unary call is answered, noticed at next to no cost for calls that are short."""

import asyncio
from types import TracebackType
from typing import Any

from housing_server.asgi_transport.events import CallerGone, Receive, gone

SWEEP_SECONDS = 1.0
"""How often calls are looked through: one that lasts is watched from the second time on at the latest."""


class Hangups:
    """Ends unary calls that last when their callers have gone; used on the event loop alone."""

    def __init__(self, sweep_seconds: float = SWEEP_SECONDS) -> None:
        """Watch no call yet.

        Args:
            sweep_seconds: how often calls are looked through, and servers asked about those that last.
        """
        self._sweep_seconds = sweep_seconds
        self._running: dict[_Watched, None] = {}
        self._sweeping = False

    def watch(self, receive: Receive) -> "_Watched":
        """Watch a block of the current task, which comes after its request: it raises CallerGone if its caller goes.

        Args:
            receive: where the server says so.
        """
        return _Watched(self, receive)

    def add(self, watched: "_Watched") -> None:
        """Look at a block from now on."""
        self._running[watched] = None
        if not self._sweeping:
            self._sweep_later()

    def remove(self, watched: "_Watched") -> None:
        """Look at it no longer."""
        self._running.pop(watched, None)

    def _sweep_later(self) -> None:
        self._sweeping = True
        asyncio.get_running_loop().call_later(self._sweep_seconds, self._sweep)

    def _sweep(self) -> None:
        for watched in self._running:
            watched.look(self._sweep_seconds)
        self._running.clear()
        self._sweeping = False


class _Watched:
    __slots__ = ("_gone", "_hangups", "_receive", "_task", "_watcher")

    def __init__(self, hangups: Hangups, receive: Receive) -> None:
        self._hangups = hangups
        self._receive = receive
        self._gone = False
        self._task: asyncio.Task[Any] | None = None
        self._watcher: asyncio.Task[None] | None = None

    def look(self, poll_seconds: float) -> None:
        """Wait for the caller to go, beside the block."""
        self._watcher = asyncio.create_task(self._wait(poll_seconds))

    async def _wait(self, poll_seconds: float) -> None:
        await gone(self._receive, poll_seconds)
        self._gone = True
        assert self._task is not None  # noqa: S101 - it is set before the block begins
        self._task.cancel()

    def __enter__(self) -> None:
        self._task = asyncio.current_task()
        self._hangups.add(self)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._hangups.remove(self)
        if self._watcher is not None:
            self._watcher.cancel()
        if self._gone:
            assert self._task is not None  # noqa: S101 - see above
            self._task.uncancel()
            if isinstance(error, asyncio.CancelledError):
                raise CallerGone from error
