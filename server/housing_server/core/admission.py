"""Admission: how much work may be under way, so that what is begun is also finished in time.

Work is bounded in two ways: by the rows in flight, which are memory, and by the time that a call is likely to wait for
the others in flight. Beyond either a call is refused at once, with the time after which trying again makes sense: a
caller that hears no in a millisecond is better served than one that times out.

Calls share the processor: while a call of one row is answered, a batch of ten thousand gets no more done than that. So
a call waits for each other one in flight as long as the smaller of the two takes, and a large batch alone keeps no
small call out.
"""

import math
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Literal, Protocol

from housing_server.errors import DeadlinePassed, InvalidRequest, Overloaded, PredictionLogUnavailable

_CALL_WORK = 8
"""What a call costs beside its rows, in rows of a batch: see "Admission" in docs/performance.md."""
_SMALL_ROWS = 64
"""Calls of up to so many rows are counted together."""
_MEMORY_SECONDS = 1.0
"""The pace is that of about so much time."""
_GUESSED_WORK, _GUESSED_SECONDS = 100, 0.004
"""A usual pace, which what is measured has to outweigh: one call that took long by chance says little."""


class AdmissionObserver(Protocol):
    """Who is told of refusals."""

    def not_admitted(self, reason: str) -> None:
        """Note a call that was refused: for its `rows`, the `queue` before it, or its `deadline`, which is sooner."""


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
            max_queue_seconds: the longest that a call may be expected to wait for others.
            clock: tells seconds.
        """
        self._observer = observer
        self._max_rows = max_rows
        self._max_queue_seconds = max_queue_seconds
        self._clock = clock
        self.rows = 0
        """How many rows are in flight."""
        self._small_work = 0
        self._large: list[int] = []
        """The work of each large call in flight."""
        self._seconds = self._work = 0.0
        self._learnt = clock()

    @contextmanager
    def admit(self, rows: int, *, seconds_left: float | None = None) -> Iterator[None]:
        """Hold a call's rows in flight while the block runs.

        Args:
            rows: how many it has.
            seconds_left: how long its caller waits for the answer; None for any time.

        Raises:
            DeadlinePassed: its caller has stopped waiting.
            Overloaded: there is too much in flight already.
        """
        work = self._room(rows, seconds_left) + _CALL_WORK + rows
        began = self._clock()
        computed = True
        self._change(rows, 1)
        try:
            yield
        except (InvalidRequest, PredictionLogUnavailable):  # how long a log hangs says nothing about the work ahead
            computed = False
            raise
        finally:
            self._change(rows, -1)
            if computed:
                self._learn(self._clock() - began, work)

    def check(self, rows: int) -> None:
        """Let a call pass if there is room for so many rows.

        Raises:
            Overloaded: there is too much in flight already.
        """
        self._room(rows, None)

    def queue_seconds(self, rows: int) -> float:
        """Tell how long a call of so many rows is likely to wait for those in flight."""
        return self._seconds_for(self._ahead(rows))

    def _room(self, rows: int, seconds_left: float | None) -> int:
        """Return how much work is ahead of a call, if there is room for it; else raise."""
        if seconds_left is not None and seconds_left <= 0:
            raise DeadlinePassed  # which says nothing about the load
        ahead = self._ahead(rows)
        queue = self._seconds_for(ahead)
        reason = None
        if self.rows and self.rows + rows > self._max_rows:
            reason = "rows"
        elif queue > self._max_queue_seconds:
            reason = "queue"
        elif seconds_left is not None and queue > seconds_left:
            reason = "deadline"
        if reason is not None:
            self._observer.not_admitted(reason)
            raise Overloaded(queue)
        return ahead

    def _seconds_for(self, work: int) -> float:
        return work * (_GUESSED_SECONDS + self._seconds) / (_GUESSED_WORK + self._work)

    def _ahead(self, rows: int) -> int:
        """Measure the work that is done before a call of so many rows is answered."""
        work = _CALL_WORK + rows
        return self._small_work + sum(min(work, other) for other in self._large)

    def _change(self, rows: int, sign: Literal[1, -1]) -> None:
        """Note that a call begins, or ends."""
        self.rows += sign * rows
        work = _CALL_WORK + rows
        if rows <= _SMALL_ROWS:
            self._small_work += sign * work
        elif sign > 0:
            self._large.append(work)
        else:
            self._large.remove(work)

    def _learn(self, seconds: float, work: int) -> None:
        """Compare what a call took with the work that it was expected to wait for."""
        now = self._clock()
        kept = math.exp((self._learnt - now) / _MEMORY_SECONDS)
        self._learnt = now
        self._seconds = self._seconds * kept + seconds
        self._work = self._work * kept + work
