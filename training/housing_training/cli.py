"""`housing train`: the whole pipeline, as far as it is out of date."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Unpack

import click

from housing_training import artifacts
from housing_training.champion import has_champion
from housing_training.errors import TrainingError
from housing_training.params import Params
from housing_training.tracking import quieten, tracking_uri
from housing_training.tuning_options import Tuning, check_options, tuning_options

PIPELINE = Path("training/dvc.yaml")
"""The pipeline, relative to the root of the repository."""


@click.command()
@click.option("-f", "--force", is_flag=True, help="Run every stage, even if nothing has changed.")
@click.option(
    "--evaluate-spatially",
    is_flag=True,
    help="First measure the mixture of experts where it has never been: retrain it without one area after the other, "
    "on two grids, and with other seeds. Takes some minutes; the figures are shown and kept with what is registered.",
)
@tuning_options
def train(*, force: bool, evaluate_spatially: bool, **tuning: Unpack[Tuning]) -> None:
    """Train the candidates and register the best, as far as data, code or parameters have changed.

    Run it in the root of the repository. What to train, and on which data, is said in training/params.yaml; which
    MLflow it goes to by MLFLOW_TRACKING_URI, or else it goes to var/mlflow.db.
    """
    if not PIPELINE.exists():
        raise click.ClickException(f"there is no {PIPELINE} here: run this in the root of the repository")
    check_options(tuning, trains=force or evaluate_spatially)
    quieten(os.environ)
    try:
        params = Params.read(artifacts.PARAMS)
        if tuning["tune"]:
            _tune(params, tuning)
            return
        reproduce(params, force=force, evaluate_spatially=evaluate_spatially)
        if not has_champion(tracking_uri(), params.register_):
            # DVC knows what was registered, but not with which MLflow.
            _dvc("repro", "--force", "--single-item", f"{PIPELINE}:register")
    except TrainingError as error:
        raise click.ClickException(str(error)) from error
    click.echo(f"{params.register_.model_name}@{params.register_.alias} is up to date")


def reproduce(params: Params, *, force: bool, evaluate_spatially: bool) -> None:
    """Bring all stages up to date; they tell their progress themselves."""
    _ready_dvc()
    if not force:
        _notice_csv(params)
    if evaluate_spatially:
        _dvc("repro", f"{PIPELINE}:prepare")
        # It is frozen, so that it only runs when asked to.
        _dvc("repro", "--force", "--single-item", f"{PIPELINE}:evaluate-spatially")
    _dvc("repro", *(["--force"] if force else []), str(PIPELINE))


def _tune(params: Params, tuning: Tuning) -> None:
    """Search better hyper-parameters on rows that are up to date."""
    from housing_training.tune_command import tune  # noqa: PLC0415 - slow, and seldom needed

    _ready_dvc()
    _notice_csv(params)
    _dvc("repro", f"{PIPELINE}:prepare")
    tune(tuning)


def _ready_dvc() -> None:
    if not (_in_git_checkout() or _knows_of_no_checkout()):
        _dvc("config", "--local", "core.no_scm", "true")


def _notice_csv(params: Params) -> None:
    if Path(params.fetch.source).is_file():
        # DVC watches the parameter, not the file that it names. What comes after looks at what was read.
        _dvc("repro", "--force", "--single-item", f"{PIPELINE}:fetch")


def _in_git_checkout() -> bool:
    here = Path.cwd()
    return any((folder / ".git").exists() for folder in (here, *here.parents))


def _knows_of_no_checkout() -> bool:
    local = Path(".dvc/config.local")
    return local.exists() and "no_scm" in local.read_text(encoding="utf-8")


def _dvc(*arguments: str) -> None:
    """Run DVC as this Python has it; it says itself what goes wrong."""
    environment = {**os.environ, "DVC_NO_ANALYTICS": "1", "PATH": _path()}
    result = subprocess.run([sys.executable, "-m", "dvc", *arguments], env=environment, check=False)
    if result.returncode != 0:
        raise SystemExit(1)


def _path() -> str:
    """Put this Python first on PATH: the pipeline's commands say `python`."""
    return os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)])
