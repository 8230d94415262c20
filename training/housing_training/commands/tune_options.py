"""The options of `housing train --tune`. Nothing here needs what the search needs, so that training starts fast."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypedDict

import click

from housing_training.files import artifacts
from housing_training.params.schema import MIXTURE, STUDENT

DATABASE = Path("var/tuning.db")
"""Where trials are kept."""
TRIALS = 30
"""How many there are to be by default."""


class Tuning(TypedDict):
    """What the options say."""

    tune: bool
    """Whether to search at all."""
    candidate: str | None
    """Whose hyper-parameters are searched; None for the mixture of experts."""
    trials: int | None
    """How many trials there are to be; None for `TRIALS`."""
    timeout: float | None
    """After how many seconds no trial is begun; None for never."""
    save: bool
    """Whether to write what is better."""


_OPTIONS = (
    click.option(
        "--tune",
        is_flag=True,
        help=f"Train nothing, but search better hyper-parameters on folds of the training rows. "
        f"Trials are kept in {DATABASE}; the same command goes on with a search that was broken off.",
    ),
    click.option(
        "--candidate",
        type=click.Choice([MIXTURE, STUDENT]),
        help=f"With --tune: whose hyper-parameters; the student's teacher is the stored mixture.  [default: {MIXTURE}]",
    ),
    click.option(
        "--trials",
        type=click.IntRange(min=1),
        help=f"With --tune: how many trials there are to be, earlier ones included.  [default: {TRIALS}]",
    ),
    click.option(
        "--timeout",
        type=click.FloatRange(min=0),
        metavar="SECONDS",
        help="With --tune: begin no trial after so long.  [default: none]",
    ),
    click.option(
        "--save", is_flag=True, help=f"With --tune: write what is better than before into {artifacts.PARAMS}."
    ),
)


def tuning_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options of the search."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


def check_options(tuning: Tuning, *, trains: bool) -> None:
    """Refuse options that do not go together.

    Args:
        tuning: the options of the search.
        trains: whether there are others, that only training knows.

    Raises:
        UsageError: the text says which.
    """
    if tuning["tune"] and trains:
        raise click.UsageError("--tune trains nothing: --force and --evaluate-spatially do not go with it")
    if not tuning["tune"] and _given(tuning):
        raise click.UsageError("--candidate, --trials, --timeout and --save only go with --tune")


def _given(tuning: Tuning) -> bool:
    """Return whether an option was given that only a search knows."""
    return bool(tuning["candidate"] or tuning["save"] or tuning["trials"] or tuning["timeout"] is not None)
