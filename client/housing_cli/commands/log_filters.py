"""The options that filter predictions on record."""

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

import click

from housing.cells import parse_number, shown
from housing_cli.commands.features import read_number
from housing_client import BoundingBox, PredictionFilter

_Decorated = TypeVar("_Decorated", bound=Callable[..., object])

_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}
_DIGITS = 12
"""More digits than the number of seconds since the year 1."""


def read_moment(_ctx: click.Context, _param: click.Parameter, value: str | None) -> datetime | None:
    """Parse a time: an age (`90s`, `15m`, `2h`, `7d`), or ISO 8601, in UTC unless it has an offset.

    Raises:
        BadParameter: the value is not a time between the years 1 and 9999 in UTC.
    """
    if value is None:
        return None
    try:
        return _moment(value)
    except OverflowError:
        raise click.BadParameter(f"{shown(value)} is not a time between the years 1 and 9999") from None
    except ValueError:
        words = "is not a time; write 2h, 2026-03-01 or 2026-03-01T12:30:00Z"
        raise click.BadParameter(f"{shown(value)} {words}") from None


def read_area(_ctx: click.Context, _param: click.Parameter, value: str | None) -> BoundingBox | None:
    """Parse an area: `WEST,SOUTH,EAST,NORTH` in degrees.

    Raises:
        BadParameter: the value is not an area.
    """
    if value is None:
        return None
    try:
        west, south, east, north = (parse_number(part.strip()) for part in value.split(","))
    except ValueError:
        raise click.BadParameter(f"{shown(value)} is not an area; write W,S,E,N, such as -123,37,-122,38") from None
    return BoundingBox(west=west, south=south, east=east, north=north)


def _moment(value: str) -> datetime:
    """Parse a time in UTC.

    Raises:
        ValueError: the text is not a time.
        OverflowError: the time is out of range.
    """
    if match := re.fullmatch(r"(\d+)([smhd])", value, re.ASCII):
        if len(match[1]) > _DIGITS:
            raise OverflowError
        return datetime.now(UTC) - timedelta(**{_UNITS[match[2]]: int(match[1])})
    moment = datetime.fromisoformat(value)
    return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)


_OPTIONS = (
    click.option(
        "--since",
        "start_time",
        callback=read_moment,
        metavar="TIME",
        help="Predicted at this time or later: 90s, 15m, 2h or 7d ago, or a time in ISO 8601.",
    ),
    click.option("--until", "end_time", callback=read_moment, metavar="TIME", help="Predicted before this time."),
    click.option("--model-version", default="", help="Predicted by this version of the model."),
    click.option(
        "--min-price",
        "min_median_house_value",
        callback=read_number,
        metavar="NUMBER",
        help="With this price or a higher one, in USD.",
    ),
    click.option(
        "--max-price",
        "max_median_house_value",
        callback=read_number,
        metavar="NUMBER",
        help="With this price or a lower one, in USD.",
    ),
    click.option(
        "--area",
        "bounding_box",
        callback=read_area,
        metavar="W,S,E,N",
        help="For block groups between these longitudes and latitudes, in degrees.",
    ),
    click.option(
        "--with-outcome/--without-outcome",
        "has_outcome",
        default=None,
        help="Only predictions with, or without, a true price.",
    ),
)


def filter_options(command: _Decorated) -> _Decorated:
    """Add an option for each field of `PredictionFilter`, by its name."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


def wanted(options: dict[str, Any]) -> PredictionFilter:
    """Create a filter from the values of the options."""
    return PredictionFilter(**options)
