"""A running watcher's reports to the store: that it is alive, and how many rows are pending."""

from collections.abc import Callable
from contextlib import suppress
from typing import Protocol

from housing_retraining.repeating import Repeating
from housing_server.errors import PredictionLogUnavailable


class Reports(Protocol):
    """Where reports go."""

    def report(self, row_table: str, *, process: str, pending_rows: int, problem: str = "") -> None:
        """Record a report."""


class Presence(Repeating):
    """Reports beside the watcher, which waits for its children: `with Presence(...)`."""

    def __init__(  # noqa: PLR0913 - keyword-only arguments are clear in any number
        self,
        reports: Reports,
        *,
        row_table: str,
        process: str,
        pending_rows: Callable[[], int],
        problem: Callable[[], str],
        seconds: float,
    ) -> None:
        """Report nothing yet.

        Args:
            reports: where reports go.
            row_table: the table of rows that the watcher adds to.
            process: the watcher's name.
            pending_rows: returns the number of pending rows.
            problem: returns what keeps the watcher from working; empty without a problem.
            seconds: the pause between two reports.
        """
        super().__init__(self._report, seconds=seconds, name="presence", at_once=True)
        self._reports, self._row_table, self._process = reports, row_table, process
        self._pending_rows, self._problem = pending_rows, problem

    def _report(self) -> bool:
        # The watcher logs that the store is not available, and readers see that reports stop.
        with suppress(PredictionLogUnavailable):
            self._reports.report(
                self._row_table, process=self._process, pending_rows=self._pending_rows(), problem=self._problem()
            )
        return True
