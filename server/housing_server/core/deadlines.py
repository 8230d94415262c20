"""Deadlines of unary calls, enforced by a periodic sweep: a timer per call would cost more than all else around it."""

import asyncio
import time
from types import TracebackType
from typing import Any, Protocol

SWEEP_SECONDS = 1.0
"""Sweep interval. Clients enforce their own deadlines to the millisecond; the sweep frees what a call holds."""


class Cancellable(Protocol):
    """A task, or what stands for one."""

    def cancel(self) -> object:
        """End it: its deadline has passed."""


class Deadlines:
    """Cancels the tasks of calls whose deadline has passed; used on the event loop only."""

    def __init__(self, sweep_seconds: float = SWEEP_SECONDS) -> None:
        """Start without watched calls.

        Args:
            sweep_seconds: interval of the sweeps, and so the largest delay of a cancellation.
        """
        self._sweep_seconds = sweep_seconds
        self._running: dict[Cancellable, float] = {}
        self._sweeping = False

    def keep(self, deadline: float | None) -> "_Kept":
        """Bound a block of the current task, `with deadlines.keep(...)`: it raises TimeoutError after the deadline.

        Args:
            deadline: by `time.perf_counter`; None for no deadline.
        """
        return _Kept(self, deadline)

    def watch(self, task: Cancellable, deadline: float) -> None:
        """Cancel a task once its deadline has passed."""
        self._running[task] = deadline
        if not self._sweeping:
            self._sweep_later()

    def leave(self, task: Cancellable) -> bool:
        """Stop watching a task; return whether it was cancelled for its deadline."""
        return self._running.pop(task, None) is None

    def _sweep_later(self) -> None:
        self._sweeping = True
        asyncio.get_running_loop().call_later(self._sweep_seconds, self._sweep)

    def _sweep(self) -> None:
        now = time.perf_counter()
        for task in [task for task, deadline in self._running.items() if deadline <= now]:
            del self._running[task]
            task.cancel()
        self._sweeping = False
        if self._running:
            self._sweep_later()


class _Kept:
    __slots__ = ("_deadline", "_deadlines", "_task")

    def __init__(self, deadlines: Deadlines, deadline: float | None) -> None:
        self._deadlines = deadlines
        self._deadline = deadline
        self._task: asyncio.Task[Any] | None = None

    def __enter__(self) -> None:
        if self._deadline is not None:
            self._task = asyncio.current_task()
            assert self._task is not None  # noqa: S101 - blocks run in tasks only
            self._deadlines.watch(self._task, self._deadline)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._task is not None and self._deadlines.leave(self._task):
            self._task.uncancel()
            if isinstance(error, asyncio.CancelledError):
                raise TimeoutError from error
