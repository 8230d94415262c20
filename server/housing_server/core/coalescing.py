"""Opportunistic batching: rows that arrive while a model runs are answered by its next run.

There is no timer. A row waits for a few turns of the event loop, and for a few more as long as they bring other rows:
microseconds when the worker is idle. gRPC hands over one call at a time however many there are, and a run costs nearly
as much for one row as for ten, so a busy worker shares each run among the calls that have piled up.
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from housing_server.core.answers import Answers
from housing_server.core.callers import Caller
from housing_server.core.model import PriceModel
from housing_server.errors import ModelFailed

_QUIET_TURNS = 8
"""Turns of the event loop without a new row after which no more are expected, when the last row came alone."""

_QUIET_TURNS_WHEN_SHARED = 64
"""The same once a run was shared: then more calls are on their way, and waiting for them costs less than a run that
does without them. See "Sharing runs" in docs/performance.md."""

_ENOUGH_ROWS = 128
"""From so many rows on a run is worth its while at once."""


class Outcome(NamedTuple):
    """What came of running a model on rows."""

    answers: Answers | None
    """To the rows that have an answer, in their order; None when no row has one."""
    failures: Mapping[int, ModelFailed]
    """Why each of the others has none, by its index."""


Run = Callable[[PriceModel, Sequence[list[float]], Sequence[Caller]], Outcome]
"""Runs a model on rows that callers asked for."""


class Answer(NamedTuple):
    """The answer to one row."""

    answers: Answers
    """Those of the run that it was part of."""
    position: int
    """Which of them it is."""


class _Waiting(NamedTuple):
    row: list[float]
    caller: Caller
    future: "asyncio.Future[Answer]"


class Coalescer:
    """Shares the runs of a model among rows; used on the event loop alone."""

    def __init__(self, current_model: Callable[[], PriceModel], run: Run, *, inline: bool = True) -> None:
        """Wait for rows.

        Args:
            current_model: returns the model that the next run uses.
            run: runs it.
            inline: whether a run may be made on the event loop, if the model may.
        """
        self._current_model = current_model
        self._run = run
        self._inline = inline
        self._waiting: list[_Waiting] = []
        self._busy = False
        self._seen = self._quiet = 0
        self._patience = _QUIET_TURNS

    def submit(self, row: list[float], caller: Caller) -> "asyncio.Future[Answer]":
        """Have a row answered. Once its future is cancelled, since nobody waits for it, it is not computed."""
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
        self._quiet = 0 if count > self._seen else self._quiet + 1
        self._seen = count
        if count < _ENOUGH_ROWS and self._quiet < self._patience:
            asyncio.get_running_loop().call_soon(self._gather)
            return
        self._seen = self._quiet = 0
        self._next_run()

    def _next_run(self) -> None:
        batch = [waiting for waiting in self._waiting if not waiting.future.done()]
        self._waiting = []
        if not batch:
            self._busy = False
            return
        self._patience = _QUIET_TURNS if len(batch) == 1 else _QUIET_TURNS_WHEN_SHARED
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
        """Hand out the answers of a run, or its failures, and begin the next run if rows have come meanwhile."""
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
