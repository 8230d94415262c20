"""Calls that use the store, on threads of their own: one that hangs keeps no caller, and no thread that others need."""

import asyncio
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

from housing_server.errors import PredictionLogUnavailable

_LONGEST_SECONDS = 40.0
"""How long a call may take on a store that answers; its queries and locks are bounded by less."""
_PATIENCE_SECONDS = 3.0
"""How long a call may take on a store that hangs."""
_LOOK_SECONDS = 0.25

_Result = TypeVar("_Result")


class StoreCalls:
    """Runs functions that use the store, and gives those up that take too long."""

    def __init__(
        self,
        hangs: Callable[[], bool],
        threads: int,
        *,
        patience_seconds: float = _PATIENCE_SECONDS,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Prepare to run functions.

        Args:
            hangs: returns whether the store is known not to answer; parts of it may nevertheless, such as reading a
                SQLite file that another process has locked for writing.
            threads: how many functions may use the store at once.
            patience_seconds: how long a function may take while the store hangs.
            clock: seconds.
        """
        self._hangs = hangs
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix="store")
        self._patience_seconds = patience_seconds
        self._clock = clock
        self._given_up: set[asyncio.Future[Any]] = set()

    async def run(self, function: Callable[[], _Result]) -> _Result:
        """Run a function on a thread.

        Raises:
            PredictionLogUnavailable: the store does not answer; what the function was to write may be written later.
        """
        if self._given_up and self._hangs():
            raise PredictionLogUnavailable("the store does not answer")
        began = self._clock()
        running = asyncio.get_running_loop().run_in_executor(self._threads, function)
        while not running.done():
            await asyncio.wait({running}, timeout=_LOOK_SECONDS)
            limit = self._patience_seconds if self._hangs() else _LONGEST_SECONDS
            if not running.done() and self._clock() - began > limit:
                self._give_up(running)
                raise PredictionLogUnavailable("the store does not answer")
        return running.result()

    def _give_up(self, running: "asyncio.Future[Any]") -> None:
        """Wait for a function no more; if its thread has begun, it goes on until the store answers."""
        self._given_up.add(running)
        running.add_done_callback(self._forget)

    def _forget(self, running: "asyncio.Future[Any]") -> None:
        self._given_up.discard(running)
        if not running.cancelled():
            running.exception()  # nobody else asks for it
