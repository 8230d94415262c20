"""What a watcher reports to the store while it lives: that it does, and how many rows wait."""

import threading
from collections.abc import Callable
from contextlib import suppress
from types import TracebackType
from typing import Protocol, Self

from housing_server.errors import PredictionLogUnavailable


class Reports(Protocol):
    """Where reports go."""

    def report(self, row_table: str, *, process: str, pending_rows: int, problem: str = "") -> None:
        """Record a report."""


class Presence:
    """Reports on a thread of its own, since the watcher itself waits for its children: `with Presence(...)`."""

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
            pending_rows: returns how many rows wait.
            problem: returns what keeps the watcher from working; empty without a problem.
            seconds: the pause between two reports.
        """
        self._reports, self._row_table, self._process = reports, row_table, process
        self._pending_rows, self._problem = pending_rows, problem
        self._seconds = seconds
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, name="presence", daemon=True)

    def _run(self) -> None:
        while True:
            # The watcher logs that the store is not available; whoever reads the reports sees that they stop.
            with suppress(PredictionLogUnavailable):
                self._reports.report(
                    self._row_table,
                    process=self._process,
                    pending_rows=self._pending_rows(),
                    problem=self._problem(),
                )
            if self._ended.wait(self._seconds):
                return

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ended.set()
        self._thread.join()
