"""What a watcher reports while it lives."""

import threading

from housing_retraining.watch.presence import Presence
from housing_server.errors import PredictionLogUnavailable


class Reports:
    """Records reports; the first one fails."""

    def __init__(self) -> None:
        self.seen: list[tuple[str, str, int, str]] = []
        self.enough = threading.Event()
        self.attempts = 0

    def report(self, row_table: str, *, process: str, pending_rows: int, problem: str = "") -> None:
        """Record a report."""
        self.attempts += 1
        if self.attempts == 1:
            raise PredictionLogUnavailable("it is down")
        self.seen.append((row_table, process, pending_rows, problem))
        if len(self.seen) == 2:
            self.enough.set()


def test_watcher_reports_until_it_stops() -> None:
    """Each report has the current state; a store that is down for a while does not end them."""
    reports, counts = Reports(), iter(range(100))
    with Presence(
        reports, row_table="here", process="a", pending_rows=lambda: next(counts), problem=lambda: "", seconds=0.001
    ):
        assert reports.enough.wait(60)
    assert reports.seen[:2] == [("here", "a", 1, ""), ("here", "a", 2, "")]
