"""What the commands that read a table and write one share: the files, and the progress shown on stderr."""

import csv
import json
import sys
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, islice
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:
    from click._termui_impl import ProgressBar

STANDARD_STREAM = "-"

_Row = TypeVar("_Row")


def check_distinct(source: str, destination: str) -> None:
    """Refuse to write over the file that is read.

    Raises:
        UsageError: the two are one file.
    """
    files = [Path(name) for name in (source, destination) if name != STANDARD_STREAM]
    if len(files) > 1 and files[1].exists() and files[0].samefile(files[1]):
        raise click.UsageError("the input and the output are the same file")


def shown(rows: Iterable[_Row], label: str, source: str, file: IO[Any]) -> Iterator[_Row]:
    """Show on stderr how much of the file has been read, or of a pipe how many rows, while rows pass."""
    size = 0 if source == STANDARD_STREAM else Path(source).stat().st_size
    progress: ProgressBar[_Row] = click.progressbar(
        None if size else rows, length=size or None, label=label, file=sys.stderr
    )
    with progress:
        if not size:
            yield from progress
        for row in rows:
            yield row
            progress.update(file.tell() - progress.pos)


def begun(rows: Iterator[_Row]) -> Iterator[_Row]:
    """Wait for the first row."""
    return chain(list(islice(rows, 1)), rows)


def write_table(destination: str, names: Sequence[str], rows: Iterable[Sequence[Any]], *, as_json: bool) -> None:
    """Write rows as CSV with a header, or as one line of JSON each.

    Raises:
        FileError: the destination cannot be written to.
    """
    try:
        output = click.open_file(destination, "w", encoding="utf-8")
    except OSError as error:
        raise click.FileError(destination, error.strerror) from error
    with output:
        (_write_json if as_json else _write_csv)(output, names, rows)


def _write_csv(output: IO[str], names: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    writer = csv.writer(output, lineterminator="\n")
    writer.writerow(names)
    writer.writerows(rows)


def _write_json(output: IO[str], names: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    for row in rows:
        output.write(json.dumps(dict(zip(names, row, strict=True)), ensure_ascii=False) + "\n")
