"""What the commands share: settings, store, the user's name, and the format of errors."""

import getpass
import os
import socket
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import click

from housing_retraining.errors import RetrainingError
from housing_retraining.settings import RetrainingSettings, read_settings
from housing_server.errors import ServingError
from housing_server.prediction_log.store import PredictionStore
from housing_training.errors import TrainingError

_PIPELINE = Path("training/dvc.yaml")

json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON.")


@contextmanager
def opened_store() -> Iterator[tuple[RetrainingSettings, PredictionStore]]:
    """Open the configured store; errors end the command with one line."""
    with one_line_errors():
        settings = read_settings()
        with closing(PredictionStore.open(settings.prediction_log)) as store:
            yield settings, store


@contextmanager
def one_line_errors() -> Iterator[None]:
    """Convert errors to one line.

    Raises:
        ClickException: the block has failed.
    """
    try:
        yield
    except (RetrainingError, ServingError, TrainingError) as error:
        raise click.ClickException(str(getattr(error, "cause", error))) from error


def check_pipeline() -> None:
    """Check that the working directory has the pipeline.

    Raises:
        ClickException: it does not.
    """
    if not _PIPELINE.exists():
        raise click.ClickException(f"there is no {_PIPELINE} here: run this in the root of the repository")


def user() -> str:
    """Return the name of the user and the host."""
    try:
        name = getpass.getuser()
    except (KeyError, OSError):  # a container's user need not have a name
        name = str(os.getuid())
    return f"{name}@{socket.gethostname()}"
