"""`housing predict` for a file: progress, output rows, and a summary of refused rows."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

import click

from housing.tables import TableError
from housing_cli.commands.files import Output, check_distinct, check_suffix, input_name, open_table, shown
from housing_cli.commands.service import connected
from housing_cli.tables import RESULT_COLUMNS, AnsweredRow, BlockGroupTable

_REFUSALS_SHOWN = 10


@dataclass(slots=True)
class _Tally:
    """Counts rows, and keeps the first refusals for the report."""

    rows: int = 0
    refused: int = 0
    shown: list[str] = field(default_factory=list)

    def counted(self, rows: Iterable[AnsweredRow]) -> Iterator[AnsweredRow]:
        for row in rows:
            yield row
            self.rows += 1
            self.refused += bool(row.error)
            if row.error and self.refused <= _REFUSALS_SHOWN:
                self.shown.append(f"line {row.line}: {row.error}")

    def report(self) -> str:
        unshown = self.refused - len(self.shown)
        more = [f"and {unshown:,} more rows were refused"] if unshown else []
        total = f"{self.rows:,} rows: {self.rows - self.refused:,} predicted, {self.refused:,} refused"
        return "\n".join([*self.shown, *more, total])


def predict_file(source: str, destination: str, *, target: str, as_json: bool) -> None:
    """Predict every row of a CSV file.

    Args:
        source: path of the file; `-` is stdin.
        destination: path of the output; `-` is stdout. An existing file is replaced when the output is complete.
        target: address of the service.
        as_json: whether to write a line of JSON per row instead of CSV.

    Raises:
        UsageError: the file's header is not that of block groups, or both files are the same.
        ClickException: the service failed, or a file cannot be read or written; earlier rows are written.
        Exit: rows were refused; exit code 1.
    """
    check_distinct(source, destination)
    check_suffix(destination, as_json=as_json)
    tally = _Tally()
    with click.open_file(source, "rb") as file:
        table = open_table(BlockGroupTable, source, file)
        try:
            with Output(destination) as output, connected(target) as client:
                _write(output, table, tally.counted(shown(table.predict(client), "predicting", source, file)), as_json)
        except TableError as error:
            raise click.ClickException(f"{input_name(source)}: {error}") from error
        finally:
            click.echo(tally.report(), err=True)
    if tally.refused:
        raise click.exceptions.Exit(1)


def _write(output: Output, table: BlockGroupTable, rows: Iterable[AnsweredRow], as_json: bool) -> None:
    names = table.header + RESULT_COLUMNS
    if as_json:
        output.write_json(names, (table.typed(row.cells) + row.results() for row in rows))
    else:
        output.write_csv(names, (row.cells + row.results() for row in rows))
