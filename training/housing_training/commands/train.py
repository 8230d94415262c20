"""`housing train`: run the stages of the pipeline that are out of date."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Unpack

import click

from housing.tether import tethered
from housing_training.commands.tune_options import Tuning, check_options, tuning_options
from housing_training.errors import TrainingError
from housing_training.files import artifacts
from housing_training.params.schema import Params
from housing_training.registry.champion import has_champion
from housing_training.registry.relocation import follow_move
from housing_training.registry.tracking import quieten, tracking_uri

PIPELINE = Path("training/dvc.yaml")
"""The stages from the tables to the registry, relative to the root of the repository."""
TABLES = Path("data/dvc.yaml")
"""The stages that make the tables."""
SPATIAL_EVALUATION = Path("training/spatial_evaluation/dvc.yaml")
"""The stage that runs only when asked to."""


@click.command()
@click.option("-f", "--force", is_flag=True, help="Run every stage, even if nothing has changed.")
@click.option(
    "--evaluate-spatially",
    is_flag=True,
    help="First measure the mixture of experts in areas left out of training, one after the other, "
    "on two grids, and with other seeds. Takes some minutes; the figures are shown and registered with the model.",
)
@tuning_options
def train(*, force: bool, evaluate_spatially: bool, **tuning: Unpack[Tuning]) -> None:
    """Train the candidates and register the best, as far as data, code or parameters have changed.

    Run it in the root of the repository. training/params.yaml says what to train, and on which data. The
    result goes to the MLflow that MLFLOW_TRACKING_URI names; by default to var/mlflow.db.
    """
    if not PIPELINE.exists():
        raise click.ClickException(f"{PIPELINE} not found: run this in the root of the repository")
    check_options(tuning, trains=force or evaluate_spatially)
    quieten(os.environ)
    try:
        params = Params.read(artifacts.PARAMS)
        if follow_move(tracking_uri()):
            click.echo("the registry has moved: the locations of its artifacts were updated")
        if tuning["tune"]:
            _tune(params, tuning)
            return
        reproduce(params, force=force, evaluate_spatially=evaluate_spatially)
        if not has_champion(tracking_uri(), params.register_):
            # DVC tracks what was registered, but not in which MLflow.
            _dvc("repro", "--force", "--single-item", f"{PIPELINE}:register")
    except TrainingError as error:
        raise click.ClickException(str(error)) from error
    click.echo(f"{params.register_.model_name}@{params.register_.alias} is up to date")


def reproduce(params: Params, *, force: bool, evaluate_spatially: bool) -> None:
    """Run all stages that are out of date; each prints its own progress."""
    if not force:
        _notice_csv(params)
    if evaluate_spatially:
        _dvc("repro", str(TABLES))
        # The stage is frozen, and DVC never runs a frozen stage, even with --force; `commit` only records its output.
        _python("housing_training", "evaluate-spatially")
        _dvc("commit", "--force", str(SPATIAL_EVALUATION))
    _dvc("repro", *(["--force"] if force else []), str(PIPELINE))


def _tune(params: Params, tuning: Tuning) -> None:
    """Search better hyper-parameters on rows that are up to date."""
    from housing_training.commands.tune import tune  # noqa: PLC0415 - slow, and seldom needed

    _notice_csv(params)
    _dvc("repro", str(TABLES))
    tune(tuning)


def _notice_csv(params: Params) -> None:
    if Path(params.fetch.source).is_file():
        # DVC watches the parameter, not the file that it names; later stages depend on the table that was read.
        _dvc("repro", "--force", "--single-item", f"{TABLES}:fetch")


def _dvc(*arguments: str) -> None:
    _python("dvc", *arguments)


def _python(module: str, *arguments: str) -> None:
    """Run a module with this Python; exit if it fails, after it has printed why."""
    environment = {**os.environ, "DVC_NO_ANALYTICS": "1", "PATH": _path()}
    command = tethered((sys.executable, "-m", module, *arguments))
    if subprocess.run(command, env=environment, check=False).returncode != 0:
        raise SystemExit(1)


def _path() -> str:
    """Return a PATH with this Python first, since the pipeline's commands call `python`."""
    return os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)])
