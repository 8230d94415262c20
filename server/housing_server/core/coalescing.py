"""Opportunistic batching: rows that arrive while a model runs share its next run.

There is no timer. The coalescer lets the event loop turn until several turns in a row have brought no new row (idle
turns), which takes microseconds on an idle worker; a transport that announces calls before it has read their requests
makes most of these turns unnecessary. gRPC delivers one call per turn however many are pending, and a run
costs nearly as much for one row as for ten, so a busy worker shares each run among all calls that are pending.
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple, Protocol

from housing_server.core.answers import Answers
from housing_server.core.arrivals import Arrivals
from housing_server.core.callers import Caller
from housing_server.core.model import PriceModel
from housing_server.errors import ModelFailed

_IDLE_TURNS, _IDLE_TURNS_WHEN_SHARED = 8, 64
"""Consecutive turns of the event loop without a new row before a run starts: if the last run had a single row, and if
it was shared. In the latter case more calls are likely to be pending, and waiting for them costs less than a separate
run. See "Sharing runs" in docs/performance.md."""

_TURNS_IF_NONE_PENDING, _TURNS_IF_NONE_PENDING_WHEN_SHARED = 1, 4
"""The same if the transport announces calls, and none is pending. While one is, its row is waited for."""

_ENOUGH_ROWS = 128
"""A run with this many rows starts at once."""


class Outcome(NamedTuple):
    """The outcome of running a model on rows."""

    answers: Answers | None
    """The answers to the rows that have one, in their order; None when no row has one."""
    failures: Mapping[int, ModelFailed]
    """The errors of the other rows, by index."""


Run = Callable[[PriceModel, Sequence[list[float]], Sequence[Caller]], Outcome]
"""Runs a model on rows and the callers that sent them."""


class Answer(NamedTuple):
    """The answer to one row."""

    answers: Answers
    """The answers of the run that the row was part of."""
    position: int
    """Index of the row's answer among them."""


class Waiting(Protocol):
    """A row that waits for its answer."""

    row: list[float]
    """The row."""
    caller: Caller
    """Its origin."""

    @property
    def abandoned(self) -> bool:
        """Whether nobody waits for the answer any more."""

    def answered(self, answers: Answers, position: int) -> None:
        """Accept the answer: those of the run that the row was part of, and its index among them."""

    def failed(self, error: Exception) -> None:
        """Accept an error in place of the answer."""


class WaitingFuture:
    """A row whose answer sets a future."""

    __slots__ = ("caller", "future", "row")

    def __init__(self, row: list[float], caller: Caller, future: "asyncio.Future[Answer]") -> None:
        self.row = row
        """The row."""
        self.caller = caller
        """Its origin."""
        self.future = future
        """Its answer."""

    @property
    def abandoned(self) -> bool:
        """Whether nobody waits for the answer any more."""
        return self.future.done()

    def answered(self, answers: Answers, position: int) -> None:
        """Set the answer."""
        self.future.set_result(Answer(answers, position))

    def failed(self, error: Exception) -> None:
        """Set an error in its place."""
        self.future.set_exception(error)


class Coalescer:
    """Shares runs of a model among rows; used on the event loop only."""

    def __init__(
        self,
        current_model: Callable[[], PriceModel],
        run: Run,
        *,
        inline: bool = True,
        arrivals: Arrivals | None = None,
    ) -> None:
        """Start without rows.

        Args:
            current_model: returns the model that the next run uses.
            run: runs it.
            inline: whether the model may run on the event loop, if it is inline itself.
            arrivals: the calls that are about to bring rows, if the transport announces them.
        """
        self._current_model = current_model
        self._run = run
        self._inline = inline
        self._arrivals = arrivals or Arrivals()
        self._waiting: list[Waiting] = []
        self._busy = False
        self._seen = self._idle = 0
        self._shared = False  # whether the last run was

    def submit(self, row: list[float], caller: Caller) -> "asyncio.Future[Answer]":
        """Queue a row for the next run and return its future; a row whose future is cancelled first is not computed."""
        future: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        self.queue(WaitingFuture(row, caller, future))
        return future

    def queue(self, waiting: Waiting) -> None:
        """Queue a row for the next run; it is not computed if it is abandoned first."""
        self._waiting.append(waiting)
        if not self._busy:
            self._busy = True
            asyncio.get_running_loop().call_soon(self._gather)

    def _gather(self) -> None:
        """Let the event loop turn until it brings no more rows, then run the model."""
        count = len(self._waiting)
        self._idle = 0 if count > self._seen else self._idle + 1
        self._seen = count
        if count < _ENOUGH_ROWS and self._idle < self._idle_turns():
            asyncio.get_running_loop().call_soon(self._gather)
            return
        if self._idle >= _IDLE_TURNS_WHEN_SHARED:
            self._arrivals.give_up()
        self._seen = self._idle = 0
        self._next_run()

    def _idle_turns(self) -> int:
        """Return how many turns without a new row are waited for."""
        if self._arrivals.pending:
            return _IDLE_TURNS_WHEN_SHARED
        if self._arrivals.announced:
            return _TURNS_IF_NONE_PENDING_WHEN_SHARED if self._shared else _TURNS_IF_NONE_PENDING
        return _IDLE_TURNS_WHEN_SHARED if self._shared else _IDLE_TURNS

    def _next_run(self) -> None:
        batch = [waiting for waiting in self._waiting if not waiting.abandoned]
        self._waiting = []
        if not batch:
            self._busy = False
            return
        self._shared = len(batch) > 1
        model = self._current_model()
        if model.inline and self._inline:
            self._settle(batch, self._attempt(model, batch))
            return
        running = asyncio.get_running_loop().run_in_executor(None, self._attempt, model, batch)
        running.add_done_callback(lambda done: self._settle(batch, done.result()))

    def _attempt(self, model: PriceModel, batch: Sequence[Waiting]) -> Outcome | Exception:
        rows, callers = [waiting.row for waiting in batch], [waiting.caller for waiting in batch]
        try:
            return self._run(model, rows, callers)
        except Exception as error:  # pylint: disable=broad-exception-caught  # every caller in the run reports it
            return error

    def _settle(self, batch: Sequence[Waiting], outcome: Outcome | Exception) -> None:
        """Pass on the results of a run, and schedule the next run if rows have arrived meanwhile."""
        position = 0
        for index, waiting in enumerate(batch):
            failure = outcome if isinstance(outcome, Exception) else outcome.failures.get(index)
            if waiting.abandoned:  # while a thread ran the model
                position += failure is None
            elif failure is not None:
                waiting.failed(failure)
            elif isinstance(outcome, Outcome) and outcome.answers is not None:
                waiting.answered(outcome.answers, position)
                position += 1
        self._busy = bool(self._waiting)
        if self._busy:
            asyncio.get_running_loop().call_soon(self._gather)
