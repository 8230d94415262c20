"""`housing outcomes`."""

from collections import Counter
from collections.abc import Iterable, Iterator

import click

from housing.tables import TableError
from housing_cli.commands.files import (
    STANDARD_STREAM,
    Output,
    check_distinct,
    check_suffix,
    input_name,
    open_table,
    shown,
)
from housing_cli.commands.service import connected, json_option, target_option
from housing_cli.outcome_table import REPORT_COLUMNS, OutcomeTable, ReportedRow


@click.command()
@click.argument("source", metavar="FILE.csv", type=click.Path(exists=True, dir_okay=False, allow_dash=True))
@click.option(
    "--output",
    "destination",
    type=click.Path(dir_okay=False, writable=True, allow_dash=True),
    default=STANDARD_STREAM,
    show_default="stdout",
    help="Path of the report.",
)
@target_option
@json_option
def outcomes(source: str, destination: str, target: str, as_json: bool) -> None:
    """Record the true prices of predictions, from a CSV file.

    The file has the columns `prediction_id` and `median_house_value`, the true price in USD; others are ignored; - is
    stdin. Sending it again is safe: recorded prices do not change. The report gives the result of each row: recorded,
    unchanged, revised, late (predictions of that age have been pruned), unknown, or refused, for instance because the
    price is not a plain number; if any row is not recorded, the exit code is 1.
    """
    check_distinct(source, destination)
    check_suffix(destination, as_json=as_json)
    results: Counter[str] = Counter()
    with click.open_file(source, "rb") as file:
        table = open_table(OutcomeTable, source, file)
        try:
            with Output(destination) as output, connected(target) as client:
                rows = (
                    row.cells() for row in _counted(shown(table.record(client), "recording", source, file), results)
                )
                (output.write_json if as_json else output.write_csv)(REPORT_COLUMNS, rows)
        except TableError as error:
            raise click.ClickException(f"{input_name(source)}: {error}") from error
        finally:
            click.echo(_summary(results), err=True)
    if not results.keys() <= {"recorded", "unchanged", "revised"}:
        raise click.exceptions.Exit(1)


def _counted(rows: Iterable[ReportedRow], results: Counter[str]) -> Iterator[ReportedRow]:
    for row in rows:
        yield row
        results[row.result] += 1


def _summary(results: Counter[str]) -> str:
    parts = ", ".join(f"{count:,} {result}" for result, count in sorted(results.items()))
    return f"{results.total():,} rows" + (f": {parts}" if parts else "")
