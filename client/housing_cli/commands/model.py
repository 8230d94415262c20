"""`housing model`."""

from collections.abc import Iterable

import click

from housing.contract import Feature
from housing_cli.commands.features import describe
from housing_cli.commands.service import aligned, connected, json_option, target_option, to_json
from housing_cli.plugins import PluginGroup
from housing_client import Model, ModelCard

_USD_METRICS = ("rmse", "mae")


@click.group(cls=PluginGroup, entry_points_in="housing.model.commands", invoke_without_command=True)
@target_option
@json_option
@click.option("--card", is_flag=True, help="Show its model card instead, in Markdown.")
@click.pass_context
def model(context: click.Context, target: str, as_json: bool, card: bool) -> None:
    """Show the served model and its origin."""
    if context.invoked_subcommand is not None:
        return
    with connected(target) as client:
        found = client.model_card() if card else client.model()
    if as_json:
        click.echo(to_json(found))
    else:
        click.echo(found.markdown.rstrip() if isinstance(found, ModelCard) else _text(found))


def _text(found: Model) -> str:
    origin = [
        ("model", f"{found.name} {found.version}{f' ({found.alias})' if found.alias else ''}"),
        ("algorithm", f"{found.algorithm}, run by {found.runtime}"),
        ("trained", found.trained_at.isoformat(sep=" ", timespec="seconds") if found.trained_at else ""),
        ("MLflow run", found.run_id),
        ("data SHA-256", found.data_sha256),
        ("git commit", found.git_commit),
    ]
    return "\n\n".join(
        [aligned(origin), *(aligned(block) for block in (_metrics(found), _features(found.features)) if block)]
    )


def _metrics(found: Model) -> list[tuple[str, str]]:
    return [
        (name, f"{value:,.0f} USD" if name.endswith(_USD_METRICS) else f"{value:.4f}")
        for name, value in sorted(found.metrics.items())
    ]


def _features(features: Iterable[Feature]) -> list[tuple[str, str]]:
    return [(feature.name, describe(feature)) for feature in features]
