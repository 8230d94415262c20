"""What `housing score` shows on standard error: how far it is, and a summary."""

import time

import click

from housing_server.scoring.job import Tally

_MALFORMED_SHOWN = 10


class Report:
    """Progress and summary of a run."""

    def __init__(self) -> None:
        self._begun = time.monotonic()
        self._shown = self._begun
        self._malformed = 0

    def malformed(self, line: str) -> None:
        """Report a line of CSV that is left out; only the first few are shown."""
        self._malformed += 1
        if self._malformed <= _MALFORMED_SHOWN:
            click.echo(f"left out: {line}", err=True)

    def show(self, tally: Tally) -> None:
        """Show how far it is, once a second."""
        if time.monotonic() - self._shown >= 1:
            self._shown = time.monotonic()
            click.echo(f"{tally.rows:,} rows, {self._rate(tally):,.0f} a second", err=True)

    def finish(self, tally: Tally) -> None:
        """Show the summary."""
        for example in tally.examples:
            click.echo(example, err=True)
        resumed = f", {tally.resumed:,} of them by an earlier run" if tally.resumed else ""
        left_out = f", {self._malformed:,} lines left out" if self._malformed else ""
        click.echo(
            f"{tally.rows:,} rows{resumed}: {tally.rows - tally.bad:,} scored, {tally.bad:,} bad{left_out}; "
            f"{self._rate(tally):,.0f} rows a second",
            err=True,
        )

    def _rate(self, tally: Tally) -> float:
        return (tally.rows - tally.resumed) / max(time.monotonic() - self._begun, 1e-9)
