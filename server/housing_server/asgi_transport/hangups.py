"""Detection of callers that disconnect before a unary call is answered, at almost no cost to short calls."""

import asyncio
from types import TracebackType
from typing import Any, Protocol

from housing_server.asgi_transport.events import CallerGone, Receive, wait_for_disconnect

SWEEP_SECONDS = 1.0
"""Sweep interval: a call is watched from the second sweep on at the latest."""


class Watchable(Protocol):
    """Something that may be ended once its caller has disconnected."""

    def start_watching(self, poll_seconds: float) -> None:
        """Wait for the disconnect; poll the server at this interval."""


class Hangups:
    """Cancels long unary calls whose callers have disconnected; used on the event loop only."""

    def __init__(self, sweep_seconds: float = SWEEP_SECONDS) -> None:
        """Start without watched calls.

        Args:
            sweep_seconds: interval of the sweeps, and of polling `receive` for the calls that last.
        """
        self._sweep_seconds = sweep_seconds
        self._running: dict[Watchable, None] = {}
        self._sweeping = False

    def watch(self, receive: Receive) -> "_Watched":
        """Watch a block of the current task, once its request is read: it raises CallerGone if the caller disconnects.

        Args:
            receive: the ASGI `receive` of the call.
        """
        return _Watched(self, receive)

    def add(self, watched: Watchable) -> None:
        """Register something with the next sweep."""
        self._running[watched] = None
        if not self._sweeping:
            self._sweep_later()

    def remove(self, watched: Watchable) -> None:
        """Unregister it."""
        self._running.pop(watched, None)

    def _sweep_later(self) -> None:
        self._sweeping = True
        asyncio.get_running_loop().call_later(self._sweep_seconds, self._sweep)

    def _sweep(self) -> None:
        for watched in self._running:
            watched.start_watching(self._sweep_seconds)
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

    def start_watching(self, poll_seconds: float) -> None:
        """Wait for the disconnect in a task of its own."""
        self._watcher = asyncio.create_task(self._wait(poll_seconds))

    async def _wait(self, poll_seconds: float) -> None:
        await wait_for_disconnect(self._receive, poll_seconds)
        self._gone = True
        assert self._task is not None  # noqa: S101 - it is set before the block begins
        self._task.cancel()

    def __enter__(self) -> None:
        self._task = asyncio.current_task()
        self._hangups.add(self)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._hangups.remove(self)
        if self._watcher is not None:
            self._watcher.cancel()
        if self._gone:
            assert self._task is not None  # noqa: S101 - set in `__enter__`
            self._task.uncancel()
            if isinstance(error, asyncio.CancelledError):
                raise CallerGone from error
