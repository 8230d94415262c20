"""`housing predict` of a whole file: progress, the rows written, and the count of those refused."""

import io
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import IO, Any

import click

from housing_client.commands.files import begun, check_distinct, shown, write_table
from housing_client.commands.service import connected
from housing_client.tables import RESULT_COLUMNS, AnsweredRow, BlockGroupTable, TableError

_REFUSALS_SHOWN = 10


@dataclass(slots=True)
class _Tally:
    """Counts rows as they pass, and keeps the first refusals to show."""

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
        destination: path of the result; `-` is stdout. It is not touched before the first row is answered.
        target: where the service listens.
        as_json: whether to write a line of JSON for each row instead of CSV.

    Raises:
        UsageError: the file's header is not that of block groups, or both files are the same.
        ClickException: the service failed or the file broke off; the rows before that are written.
        Exit: rows were refused; exit code 1.
    """
    check_distinct(source, destination)
    tally = _Tally()
    with click.open_file(source, "rb") as file:
        table = _open_table(file)
        try:
            with connected(target) as client:
                answers = begun(tally.counted(shown(table.predict(client), "predicting", source, file)))
                cells = (row.cells + row.results() for row in answers)
                write_table(destination, table.header + RESULT_COLUMNS, cells, as_json=as_json)
        except TableError as error:
            raise click.ClickException(f"{source}: {error}") from error
        finally:
            click.echo(tally.report(), err=True)
    if tally.refused:
        raise click.exceptions.Exit(1)


def _open_table(file: IO[Any]) -> BlockGroupTable:
    try:
        return BlockGroupTable(io.TextIOWrapper(file, "utf-8-sig", newline=""))
    except TableError as error:
        raise click.UsageError(str(error)) from error
