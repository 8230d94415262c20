"""Admission: how much work may be under way, so that what is begun is also finished in time.

Work is bounded in two ways: by the rows in flight, which are memory, and by the time that all the work in flight is
likely to take, at the pace of the last second. Beyond either a call is refused at once, with the time after which
trying again makes sense: a caller that hears no in a millisecond is better served than one that times out.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Protocol

from housing_server.errors import Overloaded

_CALL_WORK = 20
"""What a call costs beside its rows, in rows of a batch: 350 us against 16 us, see docs/performance.md."""
_FIRST_GUESS_SECONDS = 20e-6
"""Time for a unit of work, until it has been measured."""
_MEMORY_SECONDS = 1.0
"""The pace is that of about so much busy time."""


class AdmissionObserver(Protocol):
    """Who is told of refusals."""

    def not_admitted(self, reason: str) -> None:
        """Note a call that was refused: for its `rows`, or for the `queue` before it."""


class Admission:
    """Admits calls; used on the event loop alone."""

    def __init__(
        self,
        observer: AdmissionObserver,
        *,
        max_rows: int,
        max_queue_seconds: float,
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        """Set the bounds.

        Args:
            observer: is told of what is refused.
            max_rows: the most rows in flight; a call that comes when there are none is admitted whatever its size.
            max_queue_seconds: the longest that the work in flight may be expected to take.
            clock: tells seconds.
        """
        self._observer = observer
        self._max_rows = max_rows
        self._max_queue_seconds = max_queue_seconds
        self._clock = clock
        self.rows = 0
        """How many rows are in flight."""
        self._work = 0
        self._mark = 0.0
        self._busy_seconds, self._work_done = _FIRST_GUESS_SECONDS, 1.0

    @contextmanager
    def admit(self, rows: int) -> Iterator[None]:
        """Hold a call's rows in flight while the block runs.

        Raises:
            Overloaded: there is too much in flight already.
        """
        self.check(rows)
        self._enter(rows)
        try:
            yield
        finally:
            self._leave(rows)

    @property
    def queue_seconds(self) -> float:
        """How long the work in flight is likely to take."""
        return self._work * self._busy_seconds / self._work_done

    def check(self, rows: int) -> None:
        """Let a call pass if there is room for its rows.

        Raises:
            Overloaded: there is too much in flight already.
        """
        reason = None
        if self.rows and self.rows + rows > self._max_rows:
            reason = "rows"
        elif self.queue_seconds > self._max_queue_seconds:
            reason = "queue"
        if reason is not None:
            self._observer.not_admitted(reason)
            raise Overloaded(self.queue_seconds)

    def _enter(self, rows: int) -> None:
        if not self.rows:  # from idle: the time since the last call tells nothing of the pace
            self._mark = self._clock()
        self.rows += rows
        self._work += _CALL_WORK + rows

    def _leave(self, rows: int) -> None:
        now = self._clock()
        passed, self._mark = now - self._mark, now
        forgotten = 1 / (1 + passed / _MEMORY_SECONDS)
        self._busy_seconds = self._busy_seconds * forgotten + passed
        self._work_done = self._work_done * forgotten + _CALL_WORK + rows
        self.rows -= rows
        self._work -= _CALL_WORK + rows
