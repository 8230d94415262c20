"""`housing predict` of a whole file: progress, the rows written, and the count of those refused."""

import csv
import io
import json
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import chain, islice
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import click

from housing_client.commands.service import connected
from housing_client.tables import RESULT_COLUMNS, AnsweredRow, BlockGroupTable, TableError

if TYPE_CHECKING:
    from click._termui_impl import ProgressBar

STANDARD_STREAM = "-"
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
    _check_distinct(source, destination)
    tally = _Tally()
    with click.open_file(source, "rb") as file:
        table = _open_table(file)
        try:
            with connected(target) as client:
                answers = _begun(tally.counted(_shown(table.predict(client), source, file)))
                _write(destination, table.header, answers, as_json)
        except TableError as error:
            raise click.ClickException(f"{source}: {error}") from error
        finally:
            click.echo(tally.report(), err=True)
    if tally.refused:
        raise click.exceptions.Exit(1)


def _check_distinct(source: str, destination: str) -> None:
    files = [Path(name) for name in (source, destination) if name != STANDARD_STREAM]
    if len(files) > 1 and files[1].exists() and files[0].samefile(files[1]):
        raise click.UsageError("--input and --output are the same file")


def _open_table(file: IO[Any]) -> BlockGroupTable:
    try:
        return BlockGroupTable(io.TextIOWrapper(file, "utf-8-sig", newline=""))
    except TableError as error:
        raise click.UsageError(str(error)) from error


def _shown(rows: Iterable[AnsweredRow], source: str, file: IO[Any]) -> Iterator[AnsweredRow]:
    """Show on stderr how much of the file has been read, or of a pipe how many rows, while rows pass."""
    size = 0 if source == STANDARD_STREAM else Path(source).stat().st_size
    progress: ProgressBar[AnsweredRow] = click.progressbar(
        None if size else rows, length=size or None, label="predicting", file=sys.stderr
    )
    with progress:
        if not size:
            yield from progress
        for row in rows:
            yield row
            progress.update(file.tell() - progress.pos)


def _begun(rows: Iterator[AnsweredRow]) -> Iterator[AnsweredRow]:
    """Wait for the first row."""
    return chain(list(islice(rows, 1)), rows)


def _write(destination: str, header: tuple[str, ...], rows: Iterable[AnsweredRow], as_json: bool) -> None:
    try:
        output = click.open_file(destination, "w", encoding="utf-8")
    except OSError as error:
        raise click.FileError(destination, error.strerror) from error
    with output:
        (_write_json if as_json else _write_csv)(output, header + RESULT_COLUMNS, rows)


def _write_csv(output: IO[str], names: tuple[str, ...], rows: Iterable[AnsweredRow]) -> None:
    writer = csv.writer(output, lineterminator="\n")
    writer.writerow(names)
    writer.writerows(row.cells + row.results() for row in rows)


def _write_json(output: IO[str], names: tuple[str, ...], rows: Iterable[AnsweredRow]) -> None:
    for row in rows:
        output.write(json.dumps(dict(zip(names, row.cells + row.results(), strict=True)), ensure_ascii=False) + "\n")
