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
from collections.abc import Callable
from types import TracebackType
from typing import Literal, Protocol

from housing_server.errors import DeadlinePassed, InvalidRequest, Overloaded, PredictionLogUnavailable

_CALL_WORK = 8
"""Fixed cost of a call, in rows of a batch: see "Admission" in docs/performance.md."""
_SMALL_ROWS = 64
"""Calls with up to this many rows are counted together."""
_MEMORY_SECONDS = 1.0
"""Time constant of the moving average of the pace."""
_STEP_SECONDS = 0.001
"""The average decays in steps of this length: an exponential for each call would cost more than the rest."""
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

    def admit(self, rows: int, *, seconds_left: float | None = None) -> "Admitted":
        """Count a call's rows as in flight until the returned object has ended, such as a `with` block.

        Args:
            rows: the number of rows of the call.
            seconds_left: time until the caller's deadline; None for no deadline.

        Raises:
            DeadlinePassed: the deadline has passed.
            Overloaded: there is too much work in flight.
        """
        work = self._room(rows, seconds_left) + _CALL_WORK + rows
        self._change(rows, 1)
        return Admitted(self, rows, work, self._clock())

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
        if not self._large:
            return self._small_work
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

    def end(self, call: "Admitted", *, computed: bool) -> None:
        """Count a call's rows as in flight no longer; update the pace with its duration, and the work it queued behind.

        Args:
            call: the call.
            computed: whether its duration says something about the pace.
        """
        self._change(call.rows, -1)
        if not computed:
            return
        now = self._clock()
        if now - self._learnt >= _STEP_SECONDS:
            kept = math.exp((self._learnt - now) / _MEMORY_SECONDS)
            self._learnt = now
            self._seconds *= kept
            self._work *= kept
        self._seconds += now - call.began
        self._work += call.work


class Admitted:
    """An admitted call."""

    __slots__ = ("_admission", "began", "rows", "work")

    def __init__(self, admission: Admission, rows: int, work: int, began: float) -> None:
        self._admission = admission
        self.rows = rows
        """The number of its rows."""
        self.work = work
        """The work that it queues behind, and its own."""
        self.began = began
        """When it was admitted, by the admission's clock."""

    def end(self, error: BaseException | None = None) -> None:
        """Count its rows as in flight no longer.

        Args:
            error: what it has failed with; None on success.
        """
        # The time in a hanging log says nothing about the pace, nor does that of a request that is not computed.
        self._admission.end(self, computed=not isinstance(error, (InvalidRequest, PredictionLogUnavailable)))

    def __enter__(self) -> None:
        """Do nothing: the call is admitted already."""

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """End the call."""
        self.end(error)
