"""The commands `housing model list`, `promote`, `rollback` and `canary`."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass

import click

from housing.terminal import fitted
from housing_retraining.canaries import Author, Canaries
from housing_retraining.champions import Champions
from housing_retraining.commands.surroundings import check_pipeline, json_option, opened_store, user
from housing_retraining.commands.text import moment
from housing_retraining.registry import ModelRegistry, RegisteredVersion
from housing_server.model_store.fetching import tracking_uri
from housing_server.prediction_log.model_changes import ModelChange, ModelChanges
from housing_server.prediction_log.retrainings import RetrainingRecords
from housing_training.files import artifacts
from housing_training.params.schema import Params

_CHANGES_SHOWN = 10

_reason_option = click.option("--reason", required=True, help="Why: it goes on record.")


@click.command()
@json_option
def list_versions(as_json: bool) -> None:
    """List the versions in the registry, and the last changes of the champion and of the canary."""
    with _opened() as opened:
        versions, changes = opened.registry.versions(), opened.changes.newest(opened.name, _CHANGES_SHOWN)
    if as_json:
        click.echo(json.dumps({"versions": [*map(asdict, versions)], "changes": [*map(asdict, changes)]}, indent=2))
        return
    lines = [f"{'VERSION':>7}  {'REGISTERED (UTC)':19}  {'TEST RMSE':>9}  ALIASES", *map(_version, versions)]
    if changes:
        lines += ["", "changes of the champion and of the canary, the newest first", *map(_change, changes)]
    click.echo(fitted("\n".join(lines)))


@click.command()
@click.argument("version")
@_reason_option
@click.option("--force", is_flag=True, help="Even if it was refused, or rolled back.")
def promote(version: str, reason: str, force: bool) -> None:
    """Make a version the champion, which a running server follows.

    One that a retraining has refused, or that was rolled back, needs --force. The server tries it before it serves it.
    """
    with _opened() as opened:
        opened.check(version, force=force)
        click.echo(_change(opened.champions.change("promotion", version, changed_by=user(), reason=reason)))


@click.command()
@_reason_option
def rollback(reason: str) -> None:
    """Make the version the champion again that was it before the last promotion."""
    with _opened() as opened:
        click.echo(_change(opened.champions.roll_back(changed_by=user(), reason=reason)))


@click.command()
@click.argument("version", required=False)
@click.option("--share", type=click.FloatRange(0, 1, min_open=True), default=0.1, show_default=True, help="Its share.")
@click.option("--end", is_flag=True, help="End the present canary.")
@click.option("--reason", default="by hand", show_default=True, help="Why: it goes on record.")
@click.option("--force", is_flag=True, help="Even if it was refused or rolled back, or another version is the canary.")
def canary(version: str | None, share: float, end: bool, reason: str, force: bool) -> None:
    """Let a version answer a share of the calls beside the champion, until --end; without a version, show the canary.

    A running server follows, and ends it at its first failure.
    """
    with _opened() as opened:
        author = Author(changed_by=user())
        if end:
            ended, _ = opened.canary(version)
            opened.canaries.end(ended, author, reason=reason)
            click.echo(f"version {ended} is no longer the canary")
        elif version is None:
            now, answered = opened.canary()
            click.echo(f"version {now} answers {answered:.1%} of the calls")
        else:
            opened.check(version, force=force)
            opened.check_canary(version, force=force)
            opened.canaries.begin(version, share, author, reason=reason)
            click.echo(f"version {version} answers {share:.1%} of the calls")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Opened:
    """What the commands work on."""

    name: str
    """The registered model."""
    registry: ModelRegistry
    """Its versions."""
    changes: ModelChanges
    """The audit trail."""
    champions: Champions
    """The champions."""
    canaries: Canaries
    """The canaries."""

    def check(self, version: str, *, force: bool) -> None:
        """Refuse a version that does not exist or, unless forced, one that something on record speaks against.

        Raises:
            ClickException: it must not answer calls.
        """
        if version not in {each.version for each in self.registry.versions()}:
            raise click.ClickException(f"there is no version {version} of {self.name}")
        objection = self.champions.objection(version, RetrainingRecords(self.changes.store))
        if objection and not force:
            raise click.ClickException(f"{objection}; --force overrides that")

    def check_canary(self, version: str, *, force: bool) -> None:
        """Refuse the champion as a canary and, unless forced, a second canary.

        Raises:
            ClickException: the version must not become the canary.
        """
        champion, other = self.champions.now(), self.canaries.now()
        if champion is not None and champion.version == version:
            raise click.ClickException(f"version {version} is the champion")
        if other is not None and other[0] != version and not force:
            raise click.ClickException(f"version {other[0]} is the canary: end it first; --force replaces it")

    def canary(self, version: str | None = None) -> tuple[str, float]:
        """Return the version that is the canary, and its share of the calls.

        Raises:
            ClickException: there is no canary, or not the expected one.
        """
        found = self.canaries.now()
        if found is None:
            raise click.ClickException("there is no canary")
        if version not in (None, found[0]):
            raise click.ClickException(f"version {found[0]} is the canary")
        return found


@contextmanager
def _opened() -> Iterator[_Opened]:
    check_pipeline()
    with opened_store() as (settings, store):
        name = Params.read(artifacts.PARAMS).register_.model_name
        registry, changes = ModelRegistry(tracking_uri(settings.state_dir), name), ModelChanges(store)
        champions, canaries = Champions(name, registry, changes), Canaries(name, registry, changes)
        yield _Opened(name=name, registry=registry, changes=changes, champions=champions, canaries=canaries)


def _version(found: RegisteredVersion) -> str:
    error = "-" if found.test_rmse is None else f"{found.test_rmse:,.0f}"
    return f"{found.version:>7}  {moment(found.registered_at_us)}  {error:>9}  {', '.join(found.aliases)}".rstrip()


def _change(change: ModelChange) -> str:
    when = f"{moment(change.changed_at_us)}  " if change.changed_at_us else ""
    before, since = _named(change.from_version, change.from_share), _named(change.to_version, change.to_share)
    what = f"{change.kind.replace('_', ' ')} from {before} to {since}"
    return f"{when}{what} by {change.changed_by}: {change.reason}"


def _named(version: str | None, share: float | None) -> str:
    return (version or "none") + ("" if share is None else f" at {share:.1%}")
