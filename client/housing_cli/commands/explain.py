"""`housing explain`."""

from collections.abc import Iterator, Mapping
from typing import Any

import click

from housing_cli.commands.features import check_given, feature_options
from housing_cli.commands.service import aligned, connected, interval_text, json_option, target_option, to_json
from housing_client import Contribution, Explanation

_BAR_WIDTH = 30
"""Length of the longest bar."""


@click.command()
@feature_options
@target_option
@json_option
def explain(target: str, as_json: bool, **fields: Any) -> None:
    """Explain a price by the contribution of each field.

    The price is the base value, the model's mean price, plus all contributions. The largest contribution comes first;
    its bar consists of + if it raises the price, and of - if it lowers it.
    """
    check_given(fields)
    with connected(target) as client:
        found = client.explain(fields)
    click.echo(to_json(found) if as_json else _text(found, fields))


def _text(found: Explanation, given: Mapping[str, object]) -> str:
    price = aligned(
        [
            ("median house value", f"{found.median_house_value:,.0f} USD"),
            ("interval", interval_text(found.interval)),
            ("base value", f"{found.base_value:,.0f} USD"),
            ("model", f"{found.model_name} {found.model_version}"),
            *(("warning", f"{warning.field}: {warning.message}") for warning in found.warnings),
        ]
    )
    return "\n".join([price, "", *_table(found, given)])


def _table(found: Explanation, given: Mapping[str, object]) -> Iterator[str]:
    ordered = sorted(found.contributions, key=lambda each: -abs(each.contribution))
    yield f"{'field':<20} {'value':>10} {'contribution':>16}"
    for each in ordered:
        value = given[each.field]
        shown = "" if value is None else f"{value:g}" if isinstance(value, float) else value
        yield f"{each.field:<20} {shown:>10} {each.contribution:>+12,.0f} USD  {_bar(each, ordered[0])}".rstrip()


def _bar(shown: Contribution, largest: Contribution) -> str:
    """Draw a contribution as a bar, relative to the largest."""
    if not largest.contribution:
        return ""
    length = round(abs(shown.contribution / largest.contribution) * _BAR_WIDTH)
    return length * ("+" if shown.contribution > 0 else "-")
