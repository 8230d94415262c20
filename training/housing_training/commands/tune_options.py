"""The options of `housing train --tune`. Nothing here imports the search, so that training starts fast."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypedDict

import click

from housing_training.files import artifacts
from housing_training.params.schema import MIXTURE, STUDENT

DATABASE = Path("var/tuning.db")
"""Where trials are kept."""
TRIALS = 30
"""How many trials a search has by default."""


class Tuning(TypedDict):
    """The values of the options."""

    tune: bool
    """Whether to search at all."""
    candidate: str | None
    """Whose hyper-parameters are searched; None for the mixture of experts."""
    trials: int | None
    """How many trials the search has, earlier ones included; None for `TRIALS`."""
    timeout: float | None
    """Seconds after which no trial is started; None for no limit."""
    save: bool
    """Whether to save better hyper-parameters."""


_OPTIONS = (
    click.option(
        "--tune",
        is_flag=True,
        help=f"Train nothing, but search better hyper-parameters on folds of the training rows. "
        f"Trials are kept in {DATABASE}; the same command resumes a search that was interrupted.",
    ),
    click.option(
        "--candidate",
        type=click.Choice([MIXTURE, STUDENT]),
        help=f"With --tune: whose hyper-parameters; the student's teacher is the stored mixture.  [default: {MIXTURE}]",
    ),
    click.option(
        "--trials",
        type=click.IntRange(min=1),
        help=f"With --tune: number of trials, earlier ones included.  [default: {TRIALS}]",
    ),
    click.option(
        "--timeout",
        type=click.FloatRange(min=0),
        metavar="SECONDS",
        help="With --tune: start no trial after this time.  [default: none]",
    ),
    click.option("--save", is_flag=True, help=f"With --tune: write better hyper-parameters into {artifacts.PARAMS}."),
)


def tuning_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options of the search."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


def check_options(tuning: Tuning, *, trains: bool) -> None:
    """Refuse options that cannot be combined.

    Args:
        tuning: the options of the search.
        trains: whether an option of training alone is set.

    Raises:
        UsageError: two options exclude each other; the text names them.
    """
    if tuning["tune"] and trains:
        raise click.UsageError("--tune trains nothing: --force and --evaluate-spatially do not go with it")
    if not tuning["tune"] and _given(tuning):
        raise click.UsageError("--candidate, --trials, --timeout and --save only go with --tune")


def _given(tuning: Tuning) -> bool:
    """Return whether an option was given that only a search knows."""
    return bool(tuning["candidate"] or tuning["save"] or tuning["trials"] or tuning["timeout"] is not None)
