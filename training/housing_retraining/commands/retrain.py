"""The command `housing retrain`."""

import json
import sys
from dataclasses import asdict
from pathlib import Path

import click

from housing.terminal import fitted
from housing_retraining.commands.files import file_line, take_files
from housing_retraining.commands.surroundings import check_pipeline, json_option, one_line_errors, opened_store, user
from housing_retraining.commands.text import details, line, title
from housing_retraining.commands.watching import run_watcher
from housing_retraining.rollback.opening import guard_promotion
from housing_retraining.runs.opening import give_way, open_queue
from housing_retraining.settings import read_settings
from housing_server.prediction_log.retrainings import Retraining, RetrainingRecords


@click.group()
def retrain() -> None:
    """Retrain the model on new data, and put it into service if it is better.

    Run it in the root of the repository: `now` and `watch` run the pipeline, in directories of their own under
    var/retraining. Settings are environment variables; docs/retraining.md lists them all.
    """


@retrain.command()
@click.option("--reason", required=True, help="Why: it goes on record.")
def now(reason: str) -> None:
    """Retrain now, and wait for the verdict."""
    with opened_store() as (settings, store):
        check_pipeline()
        records = RetrainingRecords(store)
        asked = records.request("manual", reason=reason, requested_by=user())
        click.echo(f"retraining {asked.retraining_id}")
        give_way(settings.retraining_niceness)
        if not open_queue(settings, store, _echo).work_off():
            click.echo("another process is retraining; this request is on record, and waits")
            return
        _exit_by(records.get(asked.retraining_id))


@retrain.command()
def work() -> None:
    """Run the waiting retrainings, then exit; `watch` starts it."""
    with opened_store() as (settings, store):
        check_pipeline()
        give_way(settings.retraining_niceness)
        open_queue(settings, store, _echo).work_off()


@retrain.command()
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path, exists=True, dir_okay=False))
@json_option
def take(files: tuple[Path, ...], as_json: bool) -> None:
    """Add the rows of files to the data, or reject them, as `watch` does with files that are dropped.

    Each file is moved to data/accepted or data/rejected, with a report beside it. Nothing is retrained yet.
    """
    check_pipeline()
    with one_line_errors():
        reports = take_files(files, read_settings())
    for report in reports:
        click.echo(json.dumps(asdict(report)) if as_json else file_line(report))
    if not as_json and any(report.reason for report in reports):
        sys.exit(1)


@retrain.command()
def watch() -> None:
    """Watch for new data, and retrain when there is enough, until stopped.

    Files are dropped in data/incoming. Stops on SIGTERM and Ctrl-C; a running retraining is resumed at the next
    start.
    """
    with opened_store() as (settings, store):
        check_pipeline()
        run_watcher(settings, store)


@retrain.command()
@json_option
def guard(as_json: bool) -> None:
    """Judge the last promotion by live errors, and roll it back if they got worse; `watch` starts it."""
    check_pipeline()
    with opened_store() as (settings, store):
        acted = guard_promotion(settings, store)
    if as_json:
        click.echo(json.dumps(asdict(acted)))
    else:
        click.echo(f"rolled back to version {acted.to_version}: {acted.reason}" if acted.rolled_back else acted.reason)


@retrain.command("list")
@click.option("--count", type=click.IntRange(1, 10_000), default=20, show_default=True, help="How many.")
@json_option
def list_(count: int, as_json: bool) -> None:
    """List retrainings, the newest first."""
    with opened_store() as (_, store):
        found = RetrainingRecords(store).newest(count)
    if as_json:
        click.echo(json.dumps([asdict(each) for each in found], indent=2))
        return
    click.echo(fitted("\n".join([title(), *map(line, found)])) if found else "no retraining is on record yet")


@retrain.command()
@click.argument("retraining_id")
@json_option
def show(retraining_id: str, as_json: bool) -> None:
    """Show a retraining: its trigger, data, comparison, gates and verdict.

    Its id may be abbreviated to a unique prefix.
    """
    with opened_store() as (_, store):
        found = RetrainingRecords(store).get(retraining_id)
    if found is None:
        raise click.ClickException(f"there is no retraining {retraining_id}, or more than one with this prefix")
    click.echo(json.dumps(asdict(found), indent=2) if as_json else details(found))


def _exit_by(retraining: Retraining | None) -> None:
    if retraining is None or retraining.verdict == "failed":
        sys.exit(1)


def _echo(text: str) -> None:
    click.echo(text, nl=False)
