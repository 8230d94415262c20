"""`housing logs`."""

import sys
import time
from collections.abc import Iterable, Iterator
from contextlib import suppress
from itertools import islice
from pathlib import Path
from typing import Any

import click

from housing.terminal import fitted
from housing_cli.commands.files import STANDARD_STREAM
from housing_cli.commands.log_filters import filter_options, wanted
from housing_cli.commands.service import connected, json_option, target_option, to_json
from housing_cli.log_table import write_csv, write_csv_file, write_parquet
from housing_cli.log_tail import LogTail
from housing_client import PAGE_SIZE, LoggedPrediction, PredictionClient, PredictionFilter

_SHOWN_ROWS = 20
_MOST_ROWS = 10**9
_SECONDS_BETWEEN_LOOKS = 1.0
_FORMATS = {".csv": write_csv_file, ".parquet": write_parquet}
_LINE = "{:<19}  {:<36}  {:>7}  {:>9}  {:>19}  {:>9}  {:>8}  {:>9}  {}"
_HEADER = _LINE.format(
    *("predicted at (UTC)", "prediction id", "version", "USD", "interval", "longitude", "latitude", "true USD"),
    "warnings",
)


@click.command()
@filter_options
@click.option(
    "--limit", type=click.IntRange(1, _MOST_ROWS), help="Number of the newest; by default 20, and all for --output."
)
@click.option("--follow", "-f", is_flag=True, help="Keep showing new predictions until Ctrl-C.")
@click.option(
    "--output",
    type=click.Path(dir_okay=False, writable=True, allow_dash=True, path_type=Path),
    help="Write to a .csv or .parquet file instead, newest first; - is CSV on stdout.",
)
@target_option
@json_option
def logs(
    limit: int | None,
    follow: bool,
    output: Path | None,
    target: str,
    as_json: bool,
    **filters: Any,
) -> None:
    """Show, follow or export the predictions on record.

    The newest come last, as in a log. In an exported file `predicted_median_house_value` is the prediction, and
    `median_house_value` the true price where it is known.
    """
    if output is None:
        with connected(target) as client:
            _show(client, wanted(filters), limit or _SHOWN_ROWS, as_json=as_json, follow=follow)
    elif follow or as_json:
        raise click.UsageError("--output cannot be combined with --follow or --json")
    elif str(output) == STANDARD_STREAM:
        with connected(target) as client:
            write_csv(sys.stdout, islice(client.logged_predictions(wanted(filters)), limit))
    elif output.suffix not in _FORMATS:
        raise click.UsageError(f"--output must end in {' or '.join(_FORMATS)}: the suffix chooses the format")
    else:
        with connected(target) as client:
            _export(client, wanted(filters), limit, output)


def _show(client: PredictionClient, which: PredictionFilter, limit: int, *, as_json: bool, follow: bool) -> None:
    with suppress(KeyboardInterrupt):  # ends --follow
        newest = list(islice(client.logged_predictions(which, page_size=min(limit, PAGE_SIZE)), limit))
        if not as_json:
            click.echo(fitted(_HEADER))
        _write(reversed(newest), as_json)
        tail = LogTail(client, which, newest)
        while follow:
            time.sleep(_SECONDS_BETWEEN_LOOKS)
            _write(tail.poll(), as_json)


def _write(predictions: Iterable[LoggedPrediction], as_json: bool) -> None:
    for found in predictions:
        click.echo(to_json(found) if as_json else fitted(_line(found)))


def _line(found: LoggedPrediction) -> str:
    interval, place = found.interval, found.block_group
    return _LINE.format(
        found.predicted_at.strftime("%Y-%m-%d %H:%M:%S"),
        found.prediction_id,
        found.model_version,
        f"{found.median_house_value:,.0f}",
        f"{interval.lower:,.0f} - {interval.upper:,.0f}" if interval else "",
        f"{place['longitude']:.2f}",
        f"{place['latitude']:.2f}",
        f"{found.outcome.median_house_value:,.0f}" if found.outcome else "",
        " ".join(found.warnings),
    ).rstrip()


def _export(client: PredictionClient, which: PredictionFilter, limit: int | None, output: Path) -> None:
    """Write a file, which appears only once it is complete."""
    part = output.with_name(f"{output.name}.part")
    try:
        rows = _Counted(islice(client.logged_predictions(which), limit))
        _FORMATS[output.suffix](part, rows)
        part.replace(output)
    except OSError as error:
        raise click.ClickException(f"{output}: {error.strerror or error}") from error
    finally:
        part.unlink(missing_ok=True)
    click.echo(f"{rows.count:,} predictions written to {output}", err=True)


class _Counted:
    """Counts rows and shows their number on stderr."""

    def __init__(self, rows: Iterable[LoggedPrediction]) -> None:
        self.count = 0
        self._rows = rows

    def __iter__(self) -> Iterator[LoggedPrediction]:
        with click.progressbar(self._rows, label="exporting", show_pos=True, file=sys.stderr) as progress:
            for row in progress:
                self.count += 1
                yield row
