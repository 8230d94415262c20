"""Opportunistic batching: rows that arrive while a model runs share its next run.

There is no timer. The coalescer lets the event loop turn until several turns in a row have brought no new row (idle
turns), which takes microseconds on an idle worker. gRPC delivers one call per turn however many are pending, and a run
costs nearly as much for one row as for ten, so a busy worker shares each run among all calls that are pending.
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from housing_server.core.answers import Answers
from housing_server.core.callers import Caller
from housing_server.core.model import PriceModel
from housing_server.errors import ModelFailed

_IDLE_TURNS = 8
"""Consecutive turns of the event loop without a new row before a run starts, if the last run had a single row."""

_IDLE_TURNS_WHEN_SHARED = 64
"""The same if the last run was shared: more calls are likely to be pending then, and waiting for them costs less than a
separate run. See "Sharing runs" in docs/performance.md."""

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


class _Waiting(NamedTuple):
    row: list[float]
    caller: Caller
    future: "asyncio.Future[Answer]"


class Coalescer:
    """Shares runs of a model among rows; used on the event loop only."""

    def __init__(self, current_model: Callable[[], PriceModel], run: Run, *, inline: bool = True) -> None:
        """Start without rows.

        Args:
            current_model: returns the model that the next run uses.
            run: runs it.
            inline: whether the model may run on the event loop, if it is inline itself.
        """
        self._current_model = current_model
        self._run = run
        self._inline = inline
        self._waiting: list[_Waiting] = []
        self._busy = False
        self._seen = self._idle = 0
        self._patience = _IDLE_TURNS

    def submit(self, row: list[float], caller: Caller) -> "asyncio.Future[Answer]":
        """Queue a row for the next run and return its future; a row whose future is cancelled first is not computed."""
        loop = asyncio.get_running_loop()
        waiting = _Waiting(row, caller, loop.create_future())
        self._waiting.append(waiting)
        if not self._busy:
            self._busy = True
            loop.call_soon(self._gather)
        return waiting.future

    def _gather(self) -> None:
        """Let the event loop turn until it brings no more rows, then run the model."""
        count = len(self._waiting)
        self._idle = 0 if count > self._seen else self._idle + 1
        self._seen = count
        if count < _ENOUGH_ROWS and self._idle < self._patience:
            asyncio.get_running_loop().call_soon(self._gather)
            return
        self._seen = self._idle = 0
        self._next_run()

    def _next_run(self) -> None:
        batch = [waiting for waiting in self._waiting if not waiting.future.done()]
        self._waiting = []
        if not batch:
            self._busy = False
            return
        self._patience = _IDLE_TURNS if len(batch) == 1 else _IDLE_TURNS_WHEN_SHARED
        model = self._current_model()
        if model.inline and self._inline:
            self._settle(batch, self._attempt(model, batch))
            return
        running = asyncio.get_running_loop().run_in_executor(None, self._attempt, model, batch)
        running.add_done_callback(lambda done: self._settle(batch, done.result()))

    def _attempt(self, model: PriceModel, batch: Sequence[_Waiting]) -> Outcome | Exception:
        rows, callers = [waiting.row for waiting in batch], [waiting.caller for waiting in batch]
        try:
            return self._run(model, rows, callers)
        except Exception as error:  # pylint: disable=broad-exception-caught  # every caller in the run reports it
            return error

    def _settle(self, batch: Sequence[_Waiting], outcome: Outcome | Exception) -> None:
        """Set the results of a run on its futures, and schedule the next run if rows have arrived meanwhile."""
        position = 0
        for index, (_, _, future) in enumerate(batch):
            failure = outcome if isinstance(outcome, Exception) else outcome.failures.get(index)
            if future.done():  # cancelled while a thread ran the model
                position += failure is None
            elif failure is not None:
                future.set_exception(failure)
            elif isinstance(outcome, Outcome) and outcome.answers is not None:
                future.set_result(Answer(outcome.answers, position))
                position += 1
        self._busy = bool(self._waiting)
        if self._busy:
            asyncio.get_running_loop().call_soon(self._gather)
