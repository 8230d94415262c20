"""`python -m housing_benchmarks`: measure and report."""

import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from types import FrameType

import click

from housing.addresses import bypass_proxies
from housing_benchmarks.errors import BenchmarkError
from housing_benchmarks.extremes import extremes as run_extremes
from housing_benchmarks.extremes import files, mebibytes
from housing_benchmarks.gate import regressions
from housing_benchmarks.plots import draw
from housing_benchmarks.profile import profile as run_profile
from housing_benchmarks.programs import ROOT, find_program
from housing_benchmarks.report import render
from housing_benchmarks.results import Results
from housing_benchmarks.runs import run
from housing_benchmarks.scoring import score as run_score
from housing_benchmarks.service import Transport
from housing_benchmarks.soak import report as soak_report
from housing_benchmarks.soak.run import soak as run_soak
from housing_benchmarks.tables import MICRO, number, table
from housing_benchmarks.trials import Pace

output_option = click.option(
    "--output",
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    default=ROOT / "benchmarks",
    help="Folder of tables and plots; by default benchmarks/.",
)

transport_option = click.option(
    "--transport",
    type=click.Choice(["grpc", "envoy"]),
    default="grpc",
    show_default=True,
    help="What carries the service's calls.",
)


@click.group()
def main() -> None:
    """Measure the service, the transport's limit and alternatives."""
    bypass_proxies(os.environ)


@main.command()
@click.option("--peers", is_flag=True, help="Install and measure the peers too.")
@click.option("--seconds", default=0.8, show_default=True, help="Time for one measurement.")
@click.option("--repeats", default=2, show_default=True, help="Repetitions of each scenario; the median counts.")
@click.option("--transports", is_flag=True, help="Only compare the transports, which comes first otherwise.")
@output_option
def measure(peers: bool, seconds: float, repeats: int, transports: bool, output: Path) -> None:
    """Start everything on free ports of this machine, measure it, and write the results.

    What is known is written to results.json all the time, so that a run that is stopped is not lost: `report` reads it.
    """
    kept = output / "results.json"
    try:
        for program in ("ghz", "h2load"):
            find_program(program)
        results = run(
            Pace(seconds=seconds, repeats=repeats),
            with_peers=peers,
            only_transports=transports,
            keep=lambda results: results.write(kept),
        )
    except BenchmarkError as error:
        raise click.ClickException(str(error)) from error
    results.write(kept)
    _report(results, output)


@main.command()
@output_option
def report(output: Path) -> None:
    """Render tables and plots again, from results.json."""
    _report(Results.read(output / "results.json"), output)


@main.command()
@click.argument("reference", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.option("--tolerance", default=0.25, show_default=True, help="By which share a ratio may be worse.")
@output_option
def gate(reference: Path, tolerance: float, output: Path) -> None:
    """Exit with 1 if a ratio in results.json is much worse than in REFERENCE, the results.json of an earlier run.

    Only ratios to what was measured beside the service count: absolute figures are the machine's.
    """
    worse = regressions(Results.read(reference), Results.read(output / "results.json"), tolerance)
    for line in worse:
        click.echo(line)
    sys.exit(1 if worse else 0)


@main.command()
@click.option("--minutes", default=10.0, show_default=True, type=click.FloatRange(min=0.2), help="Duration.")
@transport_option
@output_option
def soak(minutes: float, transport: Transport, output: Path) -> None:
    """Call the service at a steady rate for minutes, and report whether any of its processes grows."""
    try:
        made = run_soak(minutes, transport)
    except BenchmarkError as error:
        raise click.ClickException(str(error)) from error
    text = soak_report.render(made)
    (output / f"{soak_report.name_of(made)}.md").write_text(text, encoding="utf-8")
    soak_report.draw(made, output / "plots")
    click.echo(text)


@main.command()
@click.option("--messages", default=200_000, show_default=True, help="Messages of one stream.")
@click.option("--connections", default=20_000, show_default=True, help="Connections at a time.")
@transport_option
def extremes(messages: int, connections: int, transport: Transport) -> None:
    """Send one stream of very many messages, then open very many connections, and show what that leaves behind."""
    headings = ["", "seconds", "failed", "MiB meanwhile / after", "files meanwhile / after"]
    try:
        shown = [
            [
                f"{each.what}, {transport}",
                number(each.seconds),
                str(each.failed),
                mebibytes(each.grown_bytes),
                files(each.grown_files),
            ]
            for each in run_extremes(transport, messages=messages, connections=connections)
        ]
    except BenchmarkError as error:
        raise click.ClickException(str(error)) from error
    click.echo(table(headings, shown))


@main.command()
@click.option("--rows", default=2_000_000, show_default=True, help="Rows of the file.")
@click.option("--engine", "engines", multiple=True, type=click.Choice(["local", "ray"]), default=["local", "ray"])
@click.option("--workers", multiple=True, type=click.IntRange(1), default=[1, 2], show_default=True)
def score(rows: int, engines: Sequence[str], workers: Sequence[int]) -> None:
    """Score a Parquet file by each engine with each number of workers, and show rows a second and memory."""
    headings = ["engine", "workers", "rows", "rows/s", "seconds", "processor seconds", "MiB in each half"]
    try:
        shown = [
            [
                each.engine,
                str(each.workers),
                f"{each.rows:,}",
                f"{each.rows_a_second:,.0f}",
                number(each.seconds),
                number(each.cpu_seconds),
                " / ".join(f"{held / 2**20:.0f}" for held in each.rss_bytes),
            ]
            for each in run_score(rows, engines, workers)
        ]
    except BenchmarkError as error:
        raise click.ClickException(str(error)) from error
    click.echo(table(headings, shown))


@main.command()
@click.option("--calls", default=20_000, show_default=True, help="Calls, or repetitions of a step.")
def profile(calls: int) -> None:
    """Show what the processor time of Predict in a worker inside Envoy is spent on, without Envoy."""
    try:
        click.echo(table(["", "us"], [[name, number(seconds, MICRO)] for name, seconds in run_profile(calls)]))
    except BenchmarkError as error:
        raise click.ClickException(str(error)) from error


def _report(results: Results, output: Path) -> None:
    text = render(results)
    (output / "results.md").write_text(text, encoding="utf-8")
    draw(results, output / "plots")
    click.echo(text)


def _stop(number: int, _frame: FrameType | None) -> None:
    sys.exit(128 + number)


if __name__ == "__main__":
    # By default SIGTERM ends this process at once, and would leave its child processes running.
    signal.signal(signal.SIGTERM, _stop)
    main()
