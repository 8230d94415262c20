"""The command `housing retrain`."""

import getpass
import json
import os
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path

import click

from housing_retraining.commands.text import details, line, title
from housing_retraining.errors import RetrainingError
from housing_retraining.runs.opening import give_way, open_queue
from housing_retraining.settings import RetrainingSettings, read_settings
from housing_server.errors import ServingError
from housing_server.prediction_log.retrainings import Retraining, RetrainingRecords
from housing_server.prediction_log.store import PredictionStore

_PIPELINE = Path("training/dvc.yaml")

_json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON.")


@click.group()
def retrain() -> None:
    """Retrain the model on what has come in since, and put it into service if it is better.

    Run it in the root of the repository: `now` and `watch` run the pipeline, in directories of their own under
    var/retraining. Settings are environment variables; docs/retraining.md lists them all.
    """


@retrain.command()
@click.option("--reason", required=True, help="Why: it goes on record.")
def now(reason: str) -> None:
    """Retrain now, and wait for the verdict."""
    with _store() as (settings, store):
        _check_pipeline()
        records = RetrainingRecords(store)
        asked = records.request("manual", reason=reason, requested_by=_user())
        click.echo(f"retraining {asked.retraining_id}")
        give_way(settings.retraining_niceness)
        if not open_queue(settings, store, _echo).work_off():
            click.echo("another process retrains now; this one is on record, and comes next")
            return
        _exit_by(records.get(asked.retraining_id))


@retrain.command()
def work() -> None:
    """Carry out what was asked for and is waiting, and end: what `watch` starts."""
    with _store() as (settings, store):
        _check_pipeline()
        give_way(settings.retraining_niceness)
        open_queue(settings, store, _echo).work_off()


@retrain.command("list")
@click.option("--count", type=click.IntRange(1, 10_000), default=20, show_default=True, help="How many.")
@_json_option
def list_(count: int, as_json: bool) -> None:
    """List retrainings, the newest first."""
    with _store() as (_, store):
        found = RetrainingRecords(store).newest(count)
    if as_json:
        click.echo(json.dumps([asdict(each) for each in found], indent=2))
        return
    click.echo("\n".join([title(), *map(line, found)]) if found else "there was none yet")


@retrain.command()
@click.argument("retraining_id")
@_json_option
def show(retraining_id: str, as_json: bool) -> None:
    """Show a retraining: its trigger, data, comparison, gates and verdict.

    Its id may be cut short to a beginning that no other has.
    """
    with _store() as (_, store):
        found = RetrainingRecords(store).get(retraining_id)
    if found is None:
        raise click.ClickException(f"there is no retraining {retraining_id}, or more than one that begins so")
    click.echo(json.dumps(asdict(found), indent=2) if as_json else details(found))


@contextmanager
def _store() -> Iterator[tuple[RetrainingSettings, PredictionStore]]:
    """Open the store that the settings name; errors end the command in one line."""
    try:
        settings = read_settings()
        store = PredictionStore.open(settings.prediction_log)
        try:
            yield settings, store
        finally:
            store.close()
    except (RetrainingError, ServingError) as error:
        raise click.ClickException(str(getattr(error, "cause", error))) from error


def _check_pipeline() -> None:
    if not _PIPELINE.exists():
        raise click.ClickException(f"there is no {_PIPELINE} here: run this in the root of the repository")


def _exit_by(retraining: Retraining | None) -> None:
    if retraining is None or retraining.verdict == "failed":
        sys.exit(1)


def _echo(text: str) -> None:
    click.echo(text, nl=False)


def _user() -> str:
    try:
        name = getpass.getuser()
    except (KeyError, OSError):  # a container's user need not have a name
        name = str(os.getuid())
    return f"{name}@{socket.gethostname()}"
