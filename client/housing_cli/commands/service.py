"""The shared parts of commands that call the service: its address, and the display of results and errors."""

import json
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from datetime import datetime
from typing import TYPE_CHECKING, Any

import click

from housing_client import (
    DEFAULT_TARGET,
    HousingError,
    InvalidRequestError,
    PredictionClient,
    PredictionInterval,
    UnavailableError,
)

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

target_option = click.option(
    "--target",
    envvar="HOUSING_TARGET",
    show_envvar=True,
    metavar="HOST:PORT",
    default=DEFAULT_TARGET,
    show_default=True,
    help="Address of the service.",
)

json_option = click.option("--json", "as_json", is_flag=True, help="Write JSON instead of text.")


@contextmanager
def connected(target: str) -> Iterator[PredictionClient]:
    """Open a client; a failed call ends the command with one message and exit code 1.

    Raises:
        ClickException: a call failed.
    """
    try:
        with PredictionClient(target) as client:
            yield client
    except HousingError as error:
        raise click.ClickException(_explain(error, target)) from error


def to_json(result: "DataclassInstance") -> str:
    """Format a result as one line of JSON, with the contract's field names."""
    return json.dumps(asdict(result), default=datetime.isoformat, ensure_ascii=False)


def aligned(pairs: Iterable[tuple[str, Any]]) -> str:
    """Format names and values in two columns, without empty values."""
    shown = [(name, str(value)) for name, value in pairs if value not in ("", None)]
    width = max(len(name) for name, _ in shown)
    return "\n".join(f"{name:<{width}}  {value}" for name, value in shown)


def interval_text(interval: PredictionInterval | None) -> str:
    """Format a prediction interval; empty without one."""
    if interval is None:
        return ""
    more = " or more" if interval.upper_open else ""
    return f"{interval.lower:,.0f} to {interval.upper:,.0f} USD{more} ({interval.coverage:.0%} of such intervals hold)"


def _explain(error: HousingError, target: str) -> str:
    if isinstance(error, UnavailableError) and not error.reason:  # the status is not from our service
        return f"no service at {target}; start one with `housing up`, or choose another --target ({error})"
    if isinstance(error, InvalidRequestError) and error.violations:
        return "\n  ".join(["the service refused the request:", *(found.in_table() for found in error.violations)])
    return f"{error.code.name}: {error}"
