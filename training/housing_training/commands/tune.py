"""`housing train --tune`: run the search, show what it finds, and save it to the file of parameters."""

import math
from typing import Any

import click
import pandas as pd
from tqdm import tqdm

from housing_training.commands.tune_options import DATABASE, TRIALS, Tuning
from housing_training.data.table import prices_from_frame, rows_from_frame
from housing_training.files import artifacts
from housing_training.files.provenance import file_sha256
from housing_training.params.file import with_values
from housing_training.params.schema import MIXTURE, Params
from housing_training.tuning.objective import Known, objective
from housing_training.tuning.search import Progress, Search, Trial


def tune(tuning: Tuning) -> None:
    """Search, show the best trial, and save it if `save` is set.

    Raises:
        TrainingError: the parameters lack the candidate or its teacher, or another search is under way.
    """
    params, table = Params.read(artifacts.PARAMS).train, pd.read_parquet(artifacts.TRAIN)
    known = Known(rows=rows_from_frame(table), prices=prices_from_frame(table), sha256=file_sha256(artifacts.TRAIN))
    candidate = tuning["candidate"] or MIXTURE
    trials, seconds = tuning["trials"] or TRIALS, tuning["timeout"]
    with tqdm(total=trials, desc="tune", unit="trial") as progress:
        searched = objective(candidate, params, known, progress.set_postfix_str)
        with Search.open(DATABASE, searched, lambda reached: _show(reached, progress)) as search:
            search.run(trials, math.inf if seconds is None else seconds)
            stored, best = search.stored, search.best
    if stored and best:
        _report(stored, best)
        _offer(candidate, stored, best, save=tuning["save"])


def _show(reached: Progress, progress: "tqdm[Any]") -> None:
    progress.n = reached.finished
    least = "" if reached.least is None else f", least {reached.least:,.0f} USD"
    progress.set_postfix_str(f"{reached.doing}{least}")


def _report(stored: Trial, best: Trial) -> None:
    for name, trial in {"stored parameters": stored, f"best, trial {best.number}": best}.items():
        errors = trial.errors
        click.echo(
            f"tune: {name + ':':20} {errors.score:>9,.0f} USD "
            f"({errors.at_random:,.0f} in random folds, {errors.by_area:,.0f} in areas never seen)"
        )
    for name, value in best.values.items():
        was = f"  (stored: {stored.values[name]})" if value != stored.values[name] else ""
        click.echo(f"  {name:25} {value}{was}")


def _offer(candidate: str, stored: Trial, best: Trial, *, save: bool) -> None:
    gain = 1 - best.errors.score / stored.errors.score
    if gain <= 0:
        click.echo("tune: nothing better than the stored parameters was found")
    elif save:
        changed = {name: value for name, value in best.values.items() if value != stored.values[name]}
        paths = {("train", "candidates", candidate, *name.split(".")): value for name, value in changed.items()}
        text = artifacts.PARAMS.read_text(encoding="utf-8")
        artifacts.PARAMS.write_text(with_values(text, paths), encoding="utf-8")
        click.echo(f"tune: {gain:.2%} better, written to {artifacts.PARAMS}; `housing train` trains with it")
    else:
        click.echo(f"tune: {gain:.2%} better; --save writes it to {artifacts.PARAMS}")
