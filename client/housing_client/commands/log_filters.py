"""The options that say which predictions on record are meant."""

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

import click

from housing_client.prediction_log import BoundingBox, PredictionFilter

_Decorated = TypeVar("_Decorated", bound=Callable[..., object])

_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}


def read_moment(_ctx: click.Context, _param: click.Parameter, value: str | None) -> datetime | None:
    """Read a time: how long ago (`90s`, `15m`, `2h`, `7d`), or ISO 8601, in UTC unless it says otherwise.

    Raises:
        BadParameter: it is none.
    """
    if value is None:
        return None
    if match := re.fullmatch(r"(\d{1,6})([smhd])", value):
        return datetime.now(UTC) - timedelta(**{_UNITS[match[2]]: int(match[1])})
    try:
        moment = datetime.fromisoformat(value)
    except ValueError:
        raise click.BadParameter(f"{value!r} is no time; write 2h, 2026-03-01 or 2026-03-01T12:30:00Z") from None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def read_area(_ctx: click.Context, _param: click.Parameter, value: str | None) -> BoundingBox | None:
    """Read an area: `WEST,SOUTH,EAST,NORTH` in degrees.

    Raises:
        BadParameter: it is none.
    """
    if value is None:
        return None
    try:
        west, south, east, north = map(float, value.split(","))
    except ValueError:
        raise click.BadParameter(f"{value!r} is no area; write W,S,E,N, such as -123,37,-122,38") from None
    return BoundingBox(west=west, south=south, east=east, north=north)


_OPTIONS = (
    click.option(
        "--since",
        "start_time",
        callback=read_moment,
        metavar="TIME",
        help="Answered at this time or later: 90s, 15m, 2h or 7d ago, or a time in ISO 8601.",
    ),
    click.option("--until", "end_time", callback=read_moment, metavar="TIME", help="Answered before this time."),
    click.option("--model-version", default="", help="Answered by this version of the model."),
    click.option("--min-price", "min_median_house_value", type=float, help="Of this price or a higher one, in USD."),
    click.option("--max-price", "max_median_house_value", type=float, help="Of this price or a lower one, in USD."),
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
        help="Only those whose true price is known, or is not.",
    ),
)


def filter_options(command: _Decorated) -> _Decorated:
    """Add an option for each field of `PredictionFilter`, by its name."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


def wanted(options: dict[str, Any]) -> PredictionFilter:
    """Make a filter of the values of the options."""
    return PredictionFilter(**options)
