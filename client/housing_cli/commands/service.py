"""The shared parts of commands that call the service: its address, and the display of results and errors."""

import json
import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from housing_client import (
    DEFAULT_TARGET,
    HousingError,
    InvalidRequestError,
    PredictionClient,
    PredictionInterval,
    Tls,
    UnavailableError,
)

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

_Command = TypeVar("_Command", bound=Callable[..., Any])

_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
_CREDENTIALS = "housing.credentials"
"""Key in click's context of what the options below name."""


def target_option(command: _Command) -> _Command:
    """Add the options that every command has which calls the service: its address, and credentials."""
    for option in (
        _credentials_option("--key-file", "HOUSING_API_KEY_FILE", "File with an API key."),
        _credentials_option("--ca-file", "HOUSING_CA_FILE", "Authorities of the service's certificate, for TLS."),
        click.option(
            "--target",
            envvar="HOUSING_TARGET",
            show_envvar=True,
            metavar="HOST:PORT",
            default=DEFAULT_TARGET,
            show_default=True,
            help="Address of the service.",
        ),
    ):
        command = option(command)
    return command


def _credentials_option(name: str, variable: str, text: str) -> Callable[[_Command], _Command]:
    """Return an option for a file; its value is for `connected` alone."""
    return click.option(
        name, envvar=variable, show_envvar=True, type=_FILE, help=text, expose_value=False, callback=_remember
    )


def _remember(context: click.Context, parameter: click.Parameter, value: Path | None) -> None:
    context.meta.setdefault(_CREDENTIALS, {})[parameter.name] = value


json_option = click.option("--json", "as_json", is_flag=True, help="Write JSON instead of text.")


@contextmanager
def connected(target: str) -> Iterator[PredictionClient]:
    """Open a client; a failed call ends the command with one message and exit code 1.

    Raises:
        ClickException: a call failed, or a file of credentials cannot be used.
    """
    files: Mapping[str, Path | None] = click.get_current_context().meta.get(_CREDENTIALS, {})
    try:
        with _client(target, files.get("key_file"), files.get("ca_file")) as client:
            yield client
    except HousingError as error:
        raise click.ClickException(_explain(error, target)) from error


def _client(target: str, key_file: Path | None, ca_file: Path | None) -> PredictionClient:
    """Open a client with the credentials that options name, or else those of the environment."""
    named = {"HOUSING_CA_FILE": str(ca_file)} if ca_file else {}
    try:
        return PredictionClient(
            target,
            credentials=Tls.from_environment(os.environ | named),
            api_key=key_file.read_text("utf-8").strip() if key_file else None,
        )
    except UnicodeError:
        raise  # of an argument: explained where all commands are run
    except ValueError as error:
        raise click.ClickException(str(error)) from error


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
