"""The command `housing score`."""

import asyncio
import os
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import click

from housing_server.core.model import PriceModel
from housing_server.errors import ScoringError, StartError
from housing_server.model_store.source import ModelSource
from housing_server.models.loading import load_model
from housing_server.scoring.job import Job, Tally, identity, standard_streams
from housing_server.scoring.parts import PartialOutput
from housing_server.scoring.reading import STANDARD_STREAM, open_source
from housing_server.scoring.scoring import BadRows, Scorer
from housing_server.settings import ServerSettings, read_settings

_CHUNK_ROWS = 131_072
_MALFORMED_SHOWN = 10


@click.command()
@click.argument("source", metavar="IN", type=click.Path(exists=True, dir_okay=False, allow_dash=True))
@click.argument("destination", metavar="OUT", type=click.Path(dir_okay=False, allow_dash=True))
@click.option(
    "--bad-rows",
    type=click.Choice([each.value for each in BadRows]),
    default=BadRows.KEEP.value,
    show_default=True,
    help="Keep rows that break a rule, with an `error` instead of a price, drop them, or fail at the first.",
)
@click.option("--threads", type=click.IntRange(1, 256), help="Threads that run the model. [default: one per processor]")
@click.option(
    "--chunk-rows",
    type=click.IntRange(1, 10_000_000),
    default=_CHUNK_ROWS,
    show_default=True,
    help="Rows that are scored at once; memory grows with it.",
)
@click.option("--restart", is_flag=True, help="Begin anew instead of going on with a run that was stopped.")
def score(  # noqa: PLR0913 - keyword-only arguments are clear in any number
    source: str, destination: str, *, bad_rows: str, threads: int | None, chunk_rows: int, restart: bool
) -> None:
    """Score a CSV or Parquet file of any size with the registered model, without a service.

    OUT has the columns of IN, prices with their intervals, and an `error` for rows that have none. `-` is standard
    input or output, as CSV. Memory does not grow with the file. A run that is stopped goes on where it was when the
    same command is given again: finished chunks are kept in OUT.partial, and OUT appears when it is whole. If any row
    is bad, the exit code is 1. HOUSING_MODEL_URI, MLFLOW_TRACKING_URI and HOUSING_STATE_DIR name the model.
    """
    files = STANDARD_STREAM not in (source, destination)
    if files and Path(destination).exists() and Path(source).samefile(destination):
        raise click.UsageError("the input and the output are the same file")
    options = {"chunk_rows": chunk_rows, "bad_rows": bad_rows}
    try:
        tally = _score(source, destination, threads or len(os.sched_getaffinity(0)), options, restart)
    except (StartError, ScoringError) as error:
        raise click.ClickException(str(error)) from error
    if tally.bad:
        raise click.exceptions.Exit(1)


def _score(source: str, destination: str, threads: int, options: dict[str, Any], restart: bool) -> Tally:
    model = _registered_model()
    bad_rows = BadRows(options["bad_rows"])
    report = _Report()
    stdin, stdout = standard_streams()
    with ThreadPoolExecutor(threads) as pool:
        job = Job(
            source=open_source(source, stdin, report.malformed),
            scorer=Scorer(model, pool, bad_rows),
            chunk_rows=options["chunk_rows"],
            bad_rows=bad_rows,
            progress=report.show,
        )
        if destination == STANDARD_STREAM:
            tally = job.to_stream(stdout)
        else:
            described = model.description
            run = identity(source) | options | {"model": [described.name, described.version, described.run_id]}
            # What was read from a pipe cannot be read again.
            tally = job.to_file(PartialOutput(Path(destination), run, restart=restart or source == STANDARD_STREAM))
    report.finish(tally)
    return tally


def _registered_model() -> PriceModel:
    settings = read_settings(ServerSettings)
    registered = ModelSource(settings.model_uri, settings.state_dir, allow_pyfunc=settings.allow_pyfunc)
    return load_model(asyncio.run(registered.find()), allow_pyfunc=settings.allow_pyfunc).predictor


class _Report:
    """Progress and summary, on standard error."""

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
