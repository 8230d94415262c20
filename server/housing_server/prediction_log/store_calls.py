"""Calls that use the store, on threads of their own: one that hangs blocks neither its caller nor other threads."""

import asyncio
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

from housing_server.errors import PredictionLogUnavailable

_LONGEST_SECONDS = 40.0
"""Time limit of a call on a store that responds; its queries and locks have shorter limits."""
_PATIENCE_SECONDS = 3.0
"""Time limit of a call on a store that hangs."""
_LOOK_SECONDS = 0.25

_Result = TypeVar("_Result")


class StoreCalls:
    """Runs functions that use the store, and abandons those that take too long."""

    def __init__(
        self,
        hangs: Callable[[], bool],
        threads: int,
        *,
        patience_seconds: float = _PATIENCE_SECONDS,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Create the threads.

        Args:
            hangs: returns whether the store is known not to respond; some operations may still succeed, such as reading
                a SQLite file that another process has locked for writing.
            threads: the number of functions that may use the store at once.
            patience_seconds: time limit of a function while the store hangs.
            clock: returns seconds.
        """
        self._hangs = hangs
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix="store")
        self._patience_seconds = patience_seconds
        self._clock = clock
        self._abandoned: set[asyncio.Future[Any]] = set()

    async def run(self, function: Callable[[], _Result]) -> _Result:
        """Run a function on a thread.

        Raises:
            PredictionLogUnavailable: the store does not respond; what the function writes may still be written later.
        """
        if self._abandoned and self._hangs():
            raise PredictionLogUnavailable("the store does not respond")
        began = self._clock()
        running = asyncio.get_running_loop().run_in_executor(self._threads, function)
        while not running.done():
            await asyncio.wait({running}, timeout=_LOOK_SECONDS)
            limit = self._patience_seconds if self._hangs() else _LONGEST_SECONDS
            if not running.done() and self._clock() - began > limit:
                self._abandon(running)
                raise PredictionLogUnavailable("the store does not respond")
        return running.result()

    def _abandon(self, running: "asyncio.Future[Any]") -> None:
        """Stop waiting for a function; if its thread has begun, it goes on until the store responds."""
        self._abandoned.add(running)
        running.add_done_callback(self._forget)

    def _forget(self, running: "asyncio.Future[Any]") -> None:
        self._abandoned.discard(running)
        if not running.cancelled():
            running.exception()  # retrieved, so that asyncio does not log it
