"""The files and progress display of commands that read a table and write one."""

import csv
import json
import shutil
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import IO, TYPE_CHECKING, Any, Self, TypeVar

import click

from housing.tables import TableError

if TYPE_CHECKING:
    from click._termui_impl import ProgressBar

STANDARD_STREAM = "-"

_CSV_SUFFIXES = ("", ".csv", ".txt")
_JSON_SUFFIXES = ("", ".json", ".jsonl", ".ndjson", ".txt")

_Row = TypeVar("_Row")
_Table = TypeVar("_Table")


def check_distinct(source: str, destination: str) -> None:
    """Refuse to overwrite the input file.

    Raises:
        UsageError: input and output are the same file.
    """
    files = [Path(name) for name in (source, destination) if name != STANDARD_STREAM]
    if len(files) > 1 and files[1].exists() and files[0].samefile(files[1]):
        raise click.UsageError("the input and the output are the same file")


def input_name(source: str) -> str:
    """Return the name of the input file for error messages."""
    return "stdin" if source == STANDARD_STREAM else source


def open_table(kind: Callable[[IO[bytes]], _Table], source: str, file: IO[bytes]) -> _Table:
    """Read the header of a table.

    Raises:
        UsageError: the header is not that of this kind of table.
    """
    try:
        return kind(file)
    except TableError as error:
        raise click.UsageError(f"{input_name(source)}: {error}") from error


def check_suffix(destination: str, *, as_json: bool) -> None:
    """Refuse to write a format under another format's suffix.

    Raises:
        UsageError: the suffix belongs to another format.
    """
    suffix = Path(destination).suffix.lower()
    if suffix in (_JSON_SUFFIXES if as_json else _CSV_SUFFIXES):
        return
    wanted = "lines of JSON, in a .jsonl or .json file" if as_json else "CSV, in a .csv file"
    hint = "; --json writes JSON" if suffix in _JSON_SUFFIXES else ""
    raise click.UsageError(f"--output {destination}: the output is {wanted}{hint}")


def shown(rows: Iterable[_Row], label: str, source: str, file: IO[Any]) -> Iterator[_Row]:
    """Yield rows, showing on stderr how much of the file has been read, or for a pipe the number of rows."""
    size = Path(source).stat().st_size if source != STANDARD_STREAM and Path(source).is_file() else 0
    progress: ProgressBar[_Row] = click.progressbar(
        None if size else rows, length=size or None, label=label, file=sys.stderr
    )
    with progress:
        if not size:
            yield from progress
        for row in rows:
            yield row
            progress.update(file.tell() - progress.pos)


class Output:
    """A text file to write, as a context manager; stdout for `-`.

    A file is written as `NAME.part` beside it, and renamed when complete: an existing file is kept until then. After an
    error or Ctrl-C the rows written so far remain in `NAME.part`, and stderr says so. Devices and pipes are written to
    directly.

    Args:
        destination: path of the file, or `-`.

    Raises:
        ClickException: it cannot be written; from every method, and from the end of the `with` block.
    """

    def __init__(self, destination: str) -> None:
        self._destination = destination
        self._path, self._part = _paths(destination)
        try:
            self._file: IO[str] = click.open_file(str(self._part or destination), "w", encoding="utf-8")
        except OSError as error:
            raise self._failure(error) from error
        self._rows = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if kind is None:
            self._finish()
        else:
            self._abandon()

    def write(self, text: str) -> int:
        """Write text."""
        try:
            return self._file.write(text)
        except OSError as error:
            raise self._failure(error) from error

    def write_csv(self, names: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
        """Write rows as CSV with a header; None becomes an empty cell."""
        writer = csv.writer(self, lineterminator="\n")
        writer.writerow(names)
        for row in rows:
            writer.writerow([str(cell).lower() if isinstance(cell, bool) else cell for cell in row])
            self._rows += 1

    def write_json(self, names: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
        """Write each row as one line of JSON."""
        for row in rows:
            self.write(json.dumps(dict(zip(names, row, strict=True)), ensure_ascii=False, allow_nan=False) + "\n")
            self._rows += 1

    def _finish(self) -> None:
        try:
            self._file.flush()
            if self._path and self._part:
                self._file.close()
                if self._path.exists():
                    shutil.copymode(self._path, self._part)
                self._part.replace(self._path)
        except OSError as error:
            self._abandon()
            raise self._failure(error) from error

    def _abandon(self) -> None:
        with suppress(OSError):  # the first error is the one to report
            if self._part:
                self._file.close()
        if self._part and self._rows:
            click.echo(f"the rows written so far are in {self._part}", err=True)
        elif self._part:
            self._part.unlink(missing_ok=True)

    def _failure(self, error: OSError) -> Exception:
        if isinstance(error, BrokenPipeError):
            return error  # the reader has gone: the command ends silently
        name = "stdout" if self._destination == STANDARD_STREAM else self._destination
        return click.ClickException(f"{name}: {error.strerror or error}")


def _paths(destination: str) -> tuple[Path | None, Path | None]:
    """Return the output path and the path to write until it is complete; None for stdout, devices and pipes."""
    if destination == STANDARD_STREAM:
        return None, None
    path = Path(destination).resolve()  # keeps a symbolic link
    if path.exists() and not path.is_file():
        return None, None
    return path, path.with_name(f"{path.name}.part")
