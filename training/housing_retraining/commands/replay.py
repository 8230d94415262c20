"""The command `housing replay`."""

import json
import os
import re
from collections.abc import Iterable, Iterator
from contextlib import nullcontext
from dataclasses import asdict
from pathlib import Path
from tempfile import TemporaryDirectory

import click
from tqdm import tqdm

from housing_retraining.commands.surroundings import check_pipeline, json_option, opened_store
from housing_retraining.commands.text import moment
from housing_retraining.comparison.models import fetch, load
from housing_retraining.registry import absolute
from housing_retraining.replay.differences import Differences, Tally
from housing_retraining.replay.parquet import replay_file
from housing_retraining.replay.plots import draw
from housing_retraining.replay.scoring import Replayed, replay
from housing_server.model_store.fetching import tracking_uri
from housing_server.prediction_log.logged_requests import LoggedRequests, Wanted, pages
from housing_server.prediction_log.records import now_us
from housing_training.files import artifacts
from housing_training.params.schema import Params

_UNITS = {"m": 60, "h": 3600, "d": 86_400}
_MOST_ROWS = 10**9


class _Since(click.ParamType):  # type: ignore[type-arg]  # of older releases it has none
    """A duration such as `24h`, converted to a time in microseconds since the epoch."""

    name = "time"

    def convert(self, value: str | int, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """Parse it."""
        if isinstance(value, int):
            return value
        found = re.fullmatch(r"(\d+(?:\.\d+)?)([mhd])", value.strip())
        if found is None:
            self.fail(f"{value!r}: a number and m, h or d, such as 30m, 24h or 7d", param, ctx)
        return max(0, now_us() - round(float(found[1]) * _UNITS[found[2]] * 1_000_000))


@click.command("replay")
@click.option("--model-version", required=True, help="The registered version to replay through.")
@click.option("--against", help="A version to compare with; by default, with the answers on record.")
@click.option("--since", type=_Since(), default="24h", show_default=True, help="How far back: 30m, 24h, 7d.")
@click.option("--limit", type=click.IntRange(1, _MOST_ROWS), help="The most requests, the newest; by default all.")
@click.option("--output", type=click.Path(file_okay=False, path_type=Path), help="Folder for Parquet and pictures.")
@json_option
def replay_command(  # noqa: PLR0913 - a parameter for each option
    model_version: str, against: str | None, since: int, limit: int | None, output: Path | None, *, as_json: bool
) -> None:
    """Replay logged requests through a registered version, and show how its answers differ.

    Run it in the root of the repository. Nothing is served or recorded: models are fetched from the registry and run
    here, on the requests of the prediction log.
    """
    check_pipeline()
    tally = _tally((model_version, against), since, limit, output)
    found = tally.differences()
    if not found.rows:
        raise click.ClickException("no requests to this model are on record in that time")
    title = f"version {model_version} less {f'version {against}' if against else 'what was answered'}"
    click.echo(json.dumps(asdict(found), indent=2) if as_json else _text(found, title))
    for file in _draw(tally, title, output):
        click.echo(f"written: {file}", err=True)


def _tally(versions: tuple[str, str | None], since_us: int, limit: int | None, output: Path | None) -> Tally:
    """Replay requests through the first of two versions, against the second if there is one."""
    with opened_store() as (settings, store), TemporaryDirectory() as folder:
        os.environ["MLFLOW_TRACKING_URI"] = absolute(tracking_uri(settings.state_dir))
        name = Params.read(artifacts.PARAMS).register_.model_name
        model, other = (load(fetch(name, version, Path(folder))) if version else None for version in versions)
        assert model is not None  # noqa: S101 - for the type checker: its version is required
        tally = Tally(tolerance=settings.retraining_traffic_tolerance, confidence=settings.retraining_confidence)
        wanted = Wanted(model_name=name, since_us=since_us, limit=limit)
        _run(replay(_with_progress(pages(store, wanted)), model, other), tally, output)
        return tally


def _with_progress(found: Iterable[LoggedRequests]) -> Iterator[LoggedRequests]:
    """Count requests on standard error while they are replayed."""
    with tqdm(desc="replaying", unit=" requests", disable=None) as progress:  # silent without a terminal
        for page in found:
            yield page
            progress.update(len(page))


def _run(replayed: Iterable[Replayed], tally: Tally, output: Path | None) -> None:
    if output is not None:
        output.mkdir(parents=True, exist_ok=True)
    with nullcontext() if output is None else replay_file(output / "replay.parquet") as file:
        for page in replayed:
            tally.add(page)
            if file is not None:
                file.add(page)


def _draw(tally: Tally, title: str, output: Path | None) -> list[Path]:
    sample = tally.sample.rows()
    return [] if output is None or sample.size == 0 else [output / "replay.parquet", *draw(sample, title, output)]


def _text(found: Differences, title: str) -> str:
    """Return differences as text."""
    rows = [
        ("requests", f"{found.rows:,}, {moment(found.first_us)} to {moment(found.last_us)} UTC"),
        ("unanswered", f"{found.unanswered:,}"),
        ("mean", f"{found.mean:,.0f} USD"),
        ("root mean square", f"{found.rms:,.0f} USD"),
        ("largest", f"{found.largest:,.0f} USD"),
        *((f"  {name}", f"{value:,.0f} USD") for name, value in found.quantiles.items()),
        ("wild", f"{found.wild_share:.2%}"),
        ("beyond interval", "" if found.beyond_interval_share is None else f"{found.beyond_interval_share:.2%}"),
        ("PSI of answers", f"{found.psi:.4f}"),
        ("warned about", f"{found.warned_share:.2%} instead of {found.reference_warned_share:.2%}"),
        *_error_rows(found),
    ]
    return "\n".join([title, *(f"{name:18}{value}" for name, value in rows if value)])


def _error_rows(found: Differences) -> Iterator[tuple[str, str]]:
    if (errors := found.errors) is not None:
        yield "outcomes", f"{errors.outcomes:,}"
        yield "RMSE", f"{errors.answer_rmse:,.0f} instead of {errors.reference_rmse:,.0f} USD"
        chance = errors.difference
        yield "  difference", f"{chance.rmse:,.0f} USD, interval {chance.low:,.0f} to {chance.high:,.0f}"
