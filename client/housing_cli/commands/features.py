"""The contract's fields as command line options, and their descriptions."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any, TypeVar

import click

from housing.cells import parse_number
from housing.features import FEATURES, Feature

_Decorated = TypeVar("_Decorated", bound=Callable[..., object])


def read_number(_ctx: click.Context, _param: click.Parameter, value: str | None) -> float | None:
    """Parse a number as in tables: finite, and in an unambiguous notation.

    Raises:
        BadParameter: the value is not such a number.
    """
    if value is None:
        return None
    try:
        return parse_number(value.strip())
    except ValueError as error:
        raise click.BadParameter(str(error)) from None


def describe(feature: Feature) -> str:
    """Describe the values of a field: range and unit or choices, and whether it is required."""
    return ", ".join(_facts(feature))


def option_name(feature: Feature) -> str:
    """Return the name of a field's option."""
    return "--" + feature.name.replace("_", "-")


def check_given(fields: Mapping[str, Any], otherwise: str = "") -> None:
    """Check that the options of all required fields are given.

    Args:
        fields: values by field name; None for a missing option.
        otherwise: an alternative to mention in the message.

    Raises:
        UsageError: some are missing.
    """
    missing = [option_name(feature) for feature in FEATURES if feature.required and fields[feature.name] is None]
    if missing:
        raise click.UsageError(f"missing {', '.join(missing)}{otherwise}")


def feature_options(command: _Decorated) -> _Decorated:
    """Add an option for each field of a block group; the service validates the values."""
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
    yield "required" if feature.required else "optional"
