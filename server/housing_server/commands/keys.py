"""The command `housing keys`."""

import os
import re
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path

import click

from housing.roles import GRANTED
from housing_server.access.key_file import DEFAULT_NAME, change_keys, read_keys
from housing_server.access.keys import NAME, ApiKey, NewSecret, new_secret
from housing_server.errors import StartError

_UNITS = {"h": 3600.0, "d": 86_400.0}
_MOST_KEYS = 4096

_file_option = click.option(
    "--file",
    envvar="HOUSING_KEYS_FILE",
    show_envvar=True,
    type=click.Path(dir_okay=False, path_type=Path),
    help=f"File of the keys; by default {DEFAULT_NAME} in HOUSING_STATE_DIR.",
)


@click.group()
def keys() -> None:
    """Create, list and revoke API keys.

    A running service follows the file of keys within a second. It holds no key, only their SHA-256.
    """


def _seconds(_context: click.Context, _parameter: click.Parameter, text: str | None) -> float | None:
    if text is None:
        return None
    found = re.fullmatch(r"([1-9][0-9]{0,4})([hd])", text)
    if found is None:
        raise click.BadParameter("must be a number of hours or days, such as 12h or 90d")
    return int(found[1]) * _UNITS[found[2]]


def _name(_context: click.Context, _parameter: click.Parameter, text: str) -> str:
    if not NAME.fullmatch(text):
        raise click.BadParameter("must be 1 to 64 letters, digits, dots, hyphens and underscores")
    return text


@keys.command()
@click.argument("name", callback=_name)
@click.option("--role", type=click.Choice(list(GRANTED)), default="predict", show_default=True, help="What it allows.")
@click.option("--expires", "lifetime", callback=_seconds, metavar="TIME", help="Lifetime, such as 12h or 90d.")
@click.option("--calls-per-second", type=click.IntRange(0, 1_000_000), default=0, help="Rate limit; 0 for none.")
@click.option("--calls-per-day", type=click.IntRange(0, 10**12), default=0, help="Quota by day of UTC; 0 for none.")
@_file_option
def create(  # noqa: PLR0913, PLR0917  # pylint: disable=too-many-positional-arguments  # the options of a command
    name: str, role: str, lifetime: float | None, calls_per_second: int, calls_per_day: int, file: Path | None
) -> None:
    """Create the key of a caller, and write it to standard output: it cannot be shown again.

    The role `operate` includes `predict`, and `admin` both.
    """
    made, now = new_secret(), time.time()

    def add(known: Sequence[ApiKey], number: int) -> Sequence[ApiKey]:
        if any(key.name == name for key in known):
            raise click.ClickException(f"there is a key named {name}: revoke it first, or choose another name")
        if len(known) >= _MOST_KEYS:
            raise click.ClickException(f"there are {_MOST_KEYS} keys: revoke some first")
        key = ApiKey(
            key_id=made.key_id,
            name=name,
            role=role,
            digest=made.digest,
            created_at=now,
            expires_at=None if lifetime is None else now + lifetime,
            calls_per_second=calls_per_second,
            calls_per_day=calls_per_day,
            number=number,
        )
        return [*known, key]

    _change(_path(file), add)
    _write(made)


@keys.command("list")
@_file_option
def list_keys(file: Path | None) -> None:
    """List the keys: name, id, role, expiry and limits, one a line."""
    now = time.time()
    try:
        known = read_keys(_path(file))
    except StartError as error:
        raise click.ClickException(str(error)) from error
    for key in known:
        click.echo("  ".join(_columns(key, now)))


@keys.command()
@click.argument("key")
@_file_option
def revoke(key: str, file: Path | None) -> None:
    """Revoke a key, by its name or id."""

    def remove(known: Sequence[ApiKey], _number: int) -> Sequence[ApiKey]:
        kept = [each for each in known if key not in {each.name, each.key_id}]
        if len(kept) == len(known):
            raise click.ClickException("there is no such key; `housing keys list` lists them")
        return kept

    _change(_path(file), remove)
    click.echo("revoked")


def _change(path: Path, change: Callable[[Sequence[ApiKey], int], Sequence[ApiKey]]) -> None:
    try:
        change_keys(path, change)
    except StartError as error:
        raise click.ClickException(str(error)) from error


def _write(made: NewSecret) -> None:
    """Write a key alone to standard output, so that it can be redirected into a file, and the advice beside it."""
    click.echo(made.text)
    click.echo("Keep it: only its digest is stored. Callers send it as `authorization: Bearer KEY`.", err=True)


def _path(file: Path | None) -> Path:
    return file or Path(os.environ.get("HOUSING_STATE_DIR") or "var") / DEFAULT_NAME


def _columns(key: ApiKey, now: float) -> list[str]:
    columns = [key.name, key.key_id, key.role]
    if key.expires_at is not None:
        when = datetime.fromtimestamp(key.expires_at, UTC).isoformat(timespec="minutes")
        columns.append(f"{'EXPIRED' if key.expired(now) else 'expires'} {when}")
    limits = ((key.calls_per_second, "second"), (key.calls_per_day, "day"))
    return columns + [f"{most:,} calls a {period}" for most, period in limits if most]
