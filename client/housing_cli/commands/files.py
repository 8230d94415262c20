"""What the commands that read a table and write one share: the files, and the progress shown on stderr."""

import csv
import json
import shutil
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import IO, TYPE_CHECKING, Any, Self, TypeVar

import click

if TYPE_CHECKING:
    from click._termui_impl import ProgressBar

STANDARD_STREAM = "-"

_CSV_SUFFIXES = ("", ".csv", ".txt")
_JSON_SUFFIXES = ("", ".json", ".jsonl", ".ndjson", ".txt")

_Row = TypeVar("_Row")


def check_distinct(source: str, destination: str) -> None:
    """Refuse to write over the file that is read.

    Raises:
        UsageError: the two are one file.
    """
    files = [Path(name) for name in (source, destination) if name != STANDARD_STREAM]
    if len(files) > 1 and files[1].exists() and files[0].samefile(files[1]):
        raise click.UsageError("the input and the output are the same file")


def input_name(source: str) -> str:
    """Return the name by which errors call the file that is read."""
    return "stdin" if source == STANDARD_STREAM else source


def check_suffix(destination: str, *, as_json: bool) -> None:
    """Refuse to write a format under the name of another.

    Raises:
        UsageError: the name's suffix is that of another format.
    """
    suffix = Path(destination).suffix.lower()
    if suffix in (_JSON_SUFFIXES if as_json else _CSV_SUFFIXES):
        return
    wanted = "lines of JSON, in a .jsonl or .json file" if as_json else "CSV, in a .csv file"
    hint = "; --json writes JSON" if suffix in _JSON_SUFFIXES else ""
    raise click.UsageError(f"--output {destination}: what is written is {wanted}{hint}")


def shown(rows: Iterable[_Row], label: str, source: str, file: IO[Any]) -> Iterator[_Row]:
    """Show on stderr how much of the file has been read, or of a pipe how many rows, while rows pass."""
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

    A file is written beside its name, as `NAME.part`, and renamed when it is whole: an earlier file of that name stays
    until then. What was written before an error or Ctrl-C stays in `NAME.part`, and stderr says so. Devices and pipes
    are written to directly.

    Args:
        destination: path of the file, or `-`.

    Raises:
        ClickException: it cannot be written to; from every method, and from the end of the `with` block.
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
        """Write rows as CSV with a header; None is an empty cell."""
        writer = csv.writer(self, lineterminator="\n")
        writer.writerow(names)
        for row in rows:
            writer.writerow([str(cell).lower() if isinstance(cell, bool) else cell for cell in row])
            self._rows += 1

    def write_json(self, names: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
        """Write rows as one line of JSON each."""
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
        with suppress(OSError):  # what ended the writing is what counts
            if self._part:
                self._file.close()
        if self._part and self._rows:
            click.echo(f"what was written before is in {self._part}", err=True)
        elif self._part:
            self._part.unlink(missing_ok=True)

    def _failure(self, error: OSError) -> Exception:
        if isinstance(error, BrokenPipeError):
            return error  # nobody reads on: the command ends in silence
        name = "stdout" if self._destination == STANDARD_STREAM else self._destination
        return click.ClickException(f"{name}: {error.strerror or error}")


def _paths(destination: str) -> tuple[Path | None, Path | None]:
    """Find the file to write and its name until it is whole; None for stdout, devices and pipes."""
    if destination == STANDARD_STREAM:
        return None, None
    path = Path(destination).resolve()  # a link stays one
    if path.exists() and not path.is_file():
        return None, None
    return path, path.with_name(f"{path.name}.part")
