"""Runs of a model: estimate, check, record and count, in this order."""

import time
from collections.abc import Callable, Sequence
from typing import Self

import numpy as np

from housing_server.core.answers import Answers
from housing_server.core.callers import Caller, RunTimes
from housing_server.core.coalescing import Outcome
from housing_server.core.interfaces import PredictionLog, PredictionObserver
from housing_server.core.isolation import estimate_each
from housing_server.core.model import PriceModel, Rows
from housing_server.core.run_clock import RunClock
from housing_server.errors import ModelFailed


class _SparingFailures:
    """Forwards everything but failures to an observer."""

    def __init__(self, observer: PredictionObserver) -> None:
        self.predicted = observer.predicted
        self.refused = observer.refused

    def failed(self, _error: ModelFailed, _rows: int, /) -> None:
        """Do nothing."""


class Runs:
    """Answers rows by runs of a model; from any thread."""

    def __init__(  # noqa: PLR0913 - keyword-only arguments are clear in any number
        self,
        observer: PredictionObserver,
        log: PredictionLog,
        *,
        now: Callable[[], int],
        new_id: Callable[[], object],
        report: Callable[[Exception], object],
        clock: RunClock,
    ) -> None:
        """Create a runner.

        Args:
            observer: counts the outcomes.
            log: records every answer.
            now: returns the time, in nanoseconds since the epoch.
            new_id: returns a new unique prediction id.
            report: called with exceptions that the observer raises.
            clock: times the runs in flight.
        """
        self._observer = observer
        self._log = log
        self._now = now
        self._new_id = new_id
        self._report = report
        self._clock = clock

    def sparing_failures(self) -> Self:
        """Return a runner that does the same, except that it counts no failures."""
        return type(self)(
            _SparingFailures(self._observer),
            self._log,
            now=self._now,
            new_id=self._new_id,
            report=self._report,
            clock=self._clock,
        )

    def answer(
        self, model: PriceModel, rows: Rows | Sequence[list[float]], callers: Sequence[Caller], *, whole: bool = False
    ) -> Outcome:
        """Answer rows in one run of a model, or more if it fails, and record the answers.

        Args:
            model: computes the prices.
            rows: shape (n, 9), n at least 1.
            callers: the origin of each row, or one for all.
            whole: whether to record no answer if any row fails.

        Raises:
            PredictionLogUnavailable: the answers cannot be recorded.
        """
        rows = np.asarray(rows)
        started = time.perf_counter()
        estimated = estimate_each(model, rows, run=self._clock.run, all_or_none=whole)
        answered = time.perf_counter()
        failures = {index: ModelFailed(reason) for index, reason in estimated.failures.items()}
        if failures:
            self.observe(self._observer.failed, next(iter(failures.values())), len(failures))
        estimates = estimated.estimates
        if estimates is None or (whole and failures):
            return Outcome(None, failures)
        if failures:
            good = [index for index in range(len(rows)) if index not in failures]
            rows, callers = rows[good], callers if len(callers) == 1 else [callers[index] for index in good]
        answers = Answers.of(
            model,
            rows,
            estimates,
            prediction_ids=[str(self._new_id()) for _ in range(len(rows))],
            predicted_at=self._now(),
            latency_seconds=[answered - caller.arrived for caller in callers],
            callers=callers,
        )
        self._clock.run(self._log.append, answers)
        times = RunTimes(
            queue=started - callers[0].arrived, inference=answered - started, append=time.perf_counter() - answered
        )
        self.observe(self._observer.predicted, answers, times)
        return Outcome(answers, failures)

    def observe(self, count: Callable[..., None], *facts: object) -> None:
        """Call the observer; report what it raises, since an answer on record must be returned."""
        try:
            count(*facts)
        except Exception as error:  # pylint: disable=broad-exception-caught  # an observer may raise anything
            self._report(error)
