"""The command `housing score`."""

from dataclasses import dataclass
from pathlib import Path

import click

from housing.v1.model_service_pb2 import Model
from housing_server.errors import ScoringError, StartError
from housing_server.scoring.engine import Engine
from housing_server.scoring.engines import EngineChoice, EngineName, RegisteredModel, opened_engine
from housing_server.scoring.job import Job, Tally, identity, standard_streams
from housing_server.scoring.parts import PartialOutput
from housing_server.scoring.reading import STANDARD_STREAM, open_source
from housing_server.scoring.report import Report
from housing_server.scoring.scoring import BadRows

_CHUNK_ROWS = 131_072


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
@click.option(
    "--engine",
    type=click.Choice([each.value for each in EngineName]),
    default=EngineName.LOCAL.value,
    show_default=True,
    help="This machine, or a Ray cluster, where as many chunks are scored at a time as it has processors.",
)
@click.option(
    "--ray-address",
    envvar="RAY_ADDRESS",
    show_envvar=True,
    help="HOST:PORT of the Ray cluster's head. [default: a cluster of this machine alone, for this run]",
)
@click.option(
    "--workers",
    type=click.IntRange(1, 256),
    help="Processes of the Ray cluster that is started for this run. [default: one per processor]",
)
@click.option(
    "--threads",
    type=click.IntRange(1, 256),
    help="Threads that run the model for a chunk. [default: one per processor; with Ray 1]",
)
@click.option(
    "--chunk-rows",
    type=click.IntRange(1, 10_000_000),
    default=_CHUNK_ROWS,
    show_default=True,
    help="Rows that are scored at once; memory grows with it.",
)
@click.option("--restart", is_flag=True, help="Begin anew instead of going on with a run that was stopped.")
def score(  # noqa: PLR0913 - keyword-only arguments are clear in any number
    source: str,
    destination: str,
    *,
    bad_rows: str,
    engine: str,
    ray_address: str | None,
    workers: int | None,
    threads: int | None,
    chunk_rows: int,
    restart: bool,
) -> None:
    """Score a CSV or Parquet file of any size with the registered model, without a service.

    OUT has the columns of IN, prices with their intervals, and an `error` for rows that have none. `-` is standard
    input or output, as CSV. Memory does not grow with the file. A run that is stopped goes on where it was when the
    same command is given again, with either engine: finished chunks are kept in OUT.partial, and OUT appears when it is
    whole. If any row is bad, the exit code is 1. HOUSING_MODEL_URI, MLFLOW_TRACKING_URI and HOUSING_STATE_DIR name the
    model; a Ray cluster gets its files from here.
    """
    files = STANDARD_STREAM not in (source, destination)
    if files and Path(destination).exists() and Path(source).samefile(destination):
        raise click.UsageError("the input and the output are the same file")
    choice = EngineChoice(name=EngineName(engine), threads=threads, ray_address=ray_address or None, workers=workers)
    run = _Run(
        source=source, destination=destination, bad_rows=BadRows(bad_rows), chunk_rows=chunk_rows, restart=restart
    )
    try:
        tally = run.score(choice)
    except (StartError, ScoringError) as error:
        raise click.ClickException(str(error)) from error
    if tally.bad:
        raise click.exceptions.Exit(1)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Run:
    """What the command line asks for."""

    source: str
    destination: str
    bad_rows: BadRows
    chunk_rows: int
    restart: bool

    def score(self, choice: EngineChoice) -> Tally:
        registered = RegisteredModel.find()
        with opened_engine(choice, registered, self.bad_rows) as engine:
            return self._score(engine, registered.description)

    def _score(self, engine: Engine, model: Model) -> Tally:
        report = Report()
        stdin, stdout = standard_streams()
        job = Job(
            source=open_source(self.source, stdin, report.malformed),
            engine=engine,
            chunk_rows=self.chunk_rows,
            bad_rows=self.bad_rows,
            progress=report.show,
        )
        tally = job.to_stream(stdout) if self.destination == STANDARD_STREAM else job.to_file(self._output(model))
        report.finish(tally)
        return tally

    def _output(self, model: Model) -> PartialOutput:
        made_from = identity(self.source) | {
            "chunk_rows": self.chunk_rows,
            "bad_rows": self.bad_rows,
            "model": [model.name, model.version, model.run_id],
        }
        # What was read from a pipe cannot be read again.
        return PartialOutput(Path(self.destination), made_from, restart=self.restart or self.source == STANDARD_STREAM)
