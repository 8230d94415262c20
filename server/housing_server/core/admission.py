"""Admission control: bounds the work in flight, so that calls that are admitted also finish in time.

Two things are bounded: the rows in flight, which cost memory, and the expected queueing time behind the calls in
flight. Beyond either bound a call is refused at once, with a retry delay: a refusal within a millisecond serves the
caller better than a timeout.

Calls share the processor: while a call with one row is answered, a batch of ten thousand gets no more work done than
that. So a call queues behind each other call for as long as the smaller of the two takes, and a large batch alone does
not keep small calls out.
"""

import math
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Literal, Protocol

from housing_server.errors import DeadlinePassed, InvalidRequest, Overloaded, PredictionLogUnavailable

_CALL_WORK = 8
"""Fixed cost of a call, in rows of a batch: see "Admission" in docs/performance.md."""
_SMALL_ROWS = 64
"""Calls with up to this many rows are counted together."""
_MEMORY_SECONDS = 1.0
"""Time constant of the moving average of the pace."""
_GUESSED_WORK, _GUESSED_SECONDS = 100, 0.004
"""Prior of the pace: keeps one call that was slow by chance from dominating the average."""


class AdmissionObserver(Protocol):
    """Counts refusals."""

    def not_admitted(self, reason: str) -> None:
        """Count a refused call by reason: too many `rows`, too long a `queue`, or a `deadline` before its end."""


class Admission:
    """Admits or refuses calls; used on the event loop only."""

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
            observer: counts refusals.
            max_rows: the most rows in flight; a call is admitted whatever its size when there are none.
            max_queue_seconds: the longest expected queueing time.
            clock: returns seconds.
        """
        self._observer = observer
        self._max_rows = max_rows
        self._max_queue_seconds = max_queue_seconds
        self._clock = clock
        self.rows = 0
        """The number of rows in flight."""
        self._small_work = 0
        self._large: list[int] = []
        """The work of each large call in flight."""
        self._seconds = self._work = 0.0
        self._learnt = clock()

    @contextmanager
    def admit(self, rows: int, *, seconds_left: float | None = None) -> Iterator[None]:
        """Count a call's rows as in flight while the block runs.

        Args:
            rows: the number of rows of the call.
            seconds_left: time until the caller's deadline; None for no deadline.

        Raises:
            DeadlinePassed: the deadline has passed.
            Overloaded: there is too much work in flight.
        """
        work = self._room(rows, seconds_left) + _CALL_WORK + rows
        began = self._clock()
        computed = True
        self._change(rows, 1)
        try:
            yield
        except (InvalidRequest, PredictionLogUnavailable):  # the time in a hanging log says nothing about the pace
            computed = False
            raise
        finally:
            self._change(rows, -1)
            if computed:
                self._learn(self._clock() - began, work)

    def check(self, rows: int) -> None:
        """Check that there is room for a call with `rows` rows.

        Raises:
            Overloaded: there is too much work in flight.
        """
        self._room(rows, None)

    def queue_seconds(self, rows: int) -> float:
        """Return the expected queueing time of a call with `rows` rows."""
        return self._seconds_for(self._ahead(rows))

    def _room(self, rows: int, seconds_left: float | None) -> int:
        """Return the work ahead of a call, if there is room for it; otherwise raise."""
        if seconds_left is not None and seconds_left <= 0:
            raise DeadlinePassed  # not counted as a refusal: it says nothing about the load
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
        """Return the work that is done before a call with `rows` rows is answered."""
        work = _CALL_WORK + rows
        return self._small_work + sum(min(work, other) for other in self._large)

    def _change(self, rows: int, sign: Literal[1, -1]) -> None:
        """Add (1) or remove (-1) a call in flight."""
        self.rows += sign * rows
        work = _CALL_WORK + rows
        if rows <= _SMALL_ROWS:
            self._small_work += sign * work
        elif sign > 0:
            self._large.append(work)
        else:
            self._large.remove(work)

    def _learn(self, seconds: float, work: int) -> None:
        """Update the pace with the duration of a call and the work that it queued behind."""
        now = self._clock()
        kept = math.exp((self._learnt - now) / _MEMORY_SECONDS)
        self._learnt = now
        self._seconds = self._seconds * kept + seconds
        self._work = self._work * kept + work
