"""The contract's fields as command line options and in words."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any, TypeVar

import click

from housing.cells import parse_number
from housing.contract import FEATURES, Feature

_Decorated = TypeVar("_Decorated", bound=Callable[..., object])


def read_number(_ctx: click.Context, _param: click.Parameter, value: str | None) -> float | None:
    """Read a number as tables may hold it: finite, and written in one way only.

    Raises:
        BadParameter: it is not such a number.
    """
    if value is None:
        return None
    try:
        return parse_number(value.strip())
    except ValueError as error:
        raise click.BadParameter(str(error)) from None


def describe(feature: Feature) -> str:
    """Describe which values a field takes: its range and unit or its spellings, and whether it must be given."""
    return ", ".join(_facts(feature))


def option_name(feature: Feature) -> str:
    """Name the option that takes a field."""
    return "--" + feature.name.replace("_", "-")


def check_given(fields: Mapping[str, Any], otherwise: str = "") -> None:
    """Check that the options of all required fields were given.

    Args:
        fields: values by name of field; None for what was not given.
        otherwise: what else could be done, for the message.

    Raises:
        UsageError: some are missing.
    """
    missing = [option_name(feature) for feature in FEATURES if feature.required and fields[feature.name] is None]
    if missing:
        raise click.UsageError(f"missing {', '.join(missing)}{otherwise}")


def feature_options(command: _Decorated) -> _Decorated:
    """Add an option for each field of a block group; the service checks the values, all at once."""
    for feature in reversed(FEATURES):
        option = option_name(feature)
        if feature.choices:
            kind = click.Choice(feature.choices, case_sensitive=False)
            command = click.option(option, type=kind, metavar="TEXT", help=describe(feature))(command)
        else:
            command = click.option(option, callback=read_number, metavar="NUMBER", help=describe(feature))(command)
    return command


def _facts(feature: Feature) -> Iterator[str]:
    if feature.choices:
        yield "one of " + ", ".join(feature.choices)
    else:
        yield f"in {feature.unit}, {feature.minimum:,g} to {feature.maximum:,g}"
    yield "required" if feature.required else "may be left out"
