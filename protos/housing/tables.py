"""CSV files of block groups and prices: the reader shared by predictions, outcomes and training.

A file is UTF-8 text, with or without a byte-order mark, whose first line names the columns; commas separate the cells,
and a cell that contains a comma is in double quotes. Columns may be in any order, blanks around cells and names are
stripped, and unknown columns are kept and not validated. Nothing is guessed: a row with too many or too few cells, or
with an ambiguous number, is refused with its line and column.
"""

import csv
import io
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, field
from typing import IO, Literal

from housing.cells import is_missing, parse_number, shown
from housing.features import FEATURES

_SEPARATORS: Mapping[str, str] = {";": "semicolons", "\t": "tabs", "|": "vertical bars"}

_FORMATS: Mapping[bytes, str] = {
    b"\x1f\x8b": "compressed with gzip: unpack it first",
    b"PK\x03\x04": "a spreadsheet or a ZIP archive: save it as CSV",
    b"PAR1": "Parquet: save it as CSV",
    b"\xff\xfe": "UTF-16 text: save it as UTF-8",
    b"\xfe\xff": "UTF-16 text: save it as UTF-8",
}
"""Other formats, by the first bytes of a file."""

_NO_TEXT = re.compile("[\ud800-\udfff\x00]")
"""Invalid UTF-8 bytes, as `surrogateescape` decodes them, and NUL."""


class TableError(ValueError):
    """The file, or the rest of it, cannot be read as a table; the message gives the line if there is one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """A column to read."""

    name: str
    kind: Literal["number", "text"]
    """The type of its cells."""
    required: bool
    """Whether the header must have it, and each row a value in it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A row of a table."""

    line: int
    """Line of the file at which it begins, counted from 1."""
    cells: tuple[str, ...]
    """Its cells as read, one per column of the header."""
    values: Mapping[str, float | str | None] = field(default_factory=dict)
    """The values by column name, None for a missing one; empty for a row with a flaw."""
    flaws: tuple[str, ...] = ()
    """Its errors, each beginning with the column concerned, if any; empty for a valid row."""


BLOCK_GROUP_COLUMNS: tuple[Column, ...] = tuple(
    Column(name=feature.name, kind="text" if feature.choices else "number", required=feature.required)
    for feature in FEATURES
)
"""The columns of a block group, in the order of the contract's fields."""

PRICE_COLUMN = Column(name="median_house_value", kind="number", required=True)
"""The column of the true price, in 1990 USD."""


class Table:
    """A CSV file, read row by row in constant memory.

    Args:
        file: the bytes, header first.
        columns: the columns to read.

    Raises:
        TableError: the file is not CSV, or its header lacks a required column or names one twice.
    """

    def __init__(self, file: IO[bytes], columns: Sequence[Column]) -> None:
        # Keep a reference: the wrapper closes the file when it is deleted, but the caller may still need its position.
        self._text = io.TextIOWrapper(file, "utf-8-sig", errors="surrogateescape", newline="")
        self._reader = csv.reader(
            _text_lines(self._text, {column.name for column in columns}), skipinitialspace=True, strict=True
        )
        _, cells = self._next_record() or (0, ())
        self.header: tuple[str, ...] = tuple(name.strip() for name in cells)
        """The names of all columns, in the order of the file."""
        _check_header(self.header, columns)
        places = {name: place for place, name in enumerate(self.header)}
        self._columns = [(column, places[column.name]) for column in columns if column.name in places]

    def __iter__(self) -> Iterator[Row]:
        """Yield the rows.

        Raises:
            TableError: the rest of the file cannot be read.
        """
        while record := self._next_record():
            yield self._row(*record)

    def _row(self, line: int, cells: Sequence[str]) -> Row:
        width = len(self.header)
        kept = tuple(cells[:width]) + ("",) * (width - len(cells))
        if flaw := _width_flaw(cells, width):
            return Row(line=line, cells=kept, flaws=(flaw,))
        values: dict[str, float | str | None] = {}
        flaws: list[str] = []
        for column, place in self._columns:
            try:
                values[column.name] = _value(column, cells[place].strip())
            except ValueError as error:
                flaws.append(f"{column.name}: {error}")
        return Row(line=line, cells=kept, flaws=tuple(flaws)) if flaws else Row(line=line, cells=kept, values=values)

    def _next_record(self) -> tuple[int, Sequence[str]] | None:
        """Return the next record that is not blank, with the line at which it begins."""
        while True:
            line = self._reader.line_num + 1
            try:
                cells = next(self._reader)
            except StopIteration:
                return None
            except OSError as error:
                raise TableError(f"line {line}: {error.strerror or error}") from error
            except csv.Error as error:
                raise TableError(f"line {line}: {_csv_flaw(str(error))}") from error
            if len(cells) > 1 or "".join(cells).strip():
                return line, cells


def chunks(rows: Iterable[Row], size: int) -> Iterator[list[Row]]:
    """Yield rows in lists of up to a size; an error is held back until the rows before it have been used.

    Raises:
        TableError: the rest of the file cannot be read.
    """
    chunk: list[Row] = []
    try:
        for row in rows:
            chunk.append(row)
            if len(chunk) == size:
                yield chunk
                chunk = []
    except TableError:
        if chunk:
            yield chunk
        raise
    if chunk:
        yield chunk


def _value(column: Column, cell: str) -> float | str | None:
    if is_missing(cell):
        if column.required:
            raise ValueError(f"is missing ({shown(cell)})" if cell else "is missing")
        return None
    return parse_number(cell) if column.kind == "number" else cell


def _width_flaw(cells: Sequence[str], width: int) -> str:
    """Describe a row with too many or too few cells; blank cells at its end do not count."""
    surplus = ", ".join(cells[width:])
    if surplus.strip(", \t"):
        return (
            f"the row has {len(cells)} cells, more than the header has columns ({width}): {surplus}; "
            "a cell that holds a comma must be in double quotes"
        )
    return f"the row ends after {len(cells)} of {width} columns" if len(cells) < width else ""


def _text_lines(lines: Iterable[str], names: Set[str]) -> Iterator[str]:
    in_header = True
    for number, line in enumerate(lines, 1):
        if in_header:
            _check_format(line)
            _check_separator(number, line, names)
            in_header = not line.strip()
        if bad := _NO_TEXT.search(line):
            raise TableError(
                f"line {number}, character {bad.start() + 1}: byte 0x{ord(bad[0]) & 0xFF:02x} is not UTF-8 text; "
                "save the file as UTF-8"
            )
        yield line


def _check_format(first_line: str) -> None:
    content = first_line.encode(errors="surrogateescape")
    for beginning, words in _FORMATS.items():
        if content.startswith(beginning):
            raise TableError(f"the file is {words}; a CSV file in UTF-8 is expected")


def _check_separator(number: int, header: str, names: Set[str]) -> None:
    for separator, words in _SEPARATORS.items():
        if separator in header and names & {part.strip(' "\r\n') for part in header.split(separator)}:
            raise TableError(
                f"line {number}: the columns are separated by {words}; "
                "separate them by commas, and write decimal points"
            )


def _csv_flaw(error: str) -> str:
    if error == "unexpected end of data":
        return "a cell in double quotes begins here or below and never ends"
    if "expected after" in error:
        return "text follows the closing double quote of a cell; double quotes within a cell are written twice"
    return error


def _check_header(header: Sequence[str], columns: Sequence[Column]) -> None:
    if not header:
        names = ", ".join(column.name for column in columns)
        raise TableError(f"the file is empty; its first line must name the columns {names}")
    _check_names(header, columns)
    missing = [column.name for column in columns if column.required and column.name not in header]
    if missing:
        found = shown(", ".join(header))
        raise TableError(
            f"required columns are missing: {', '.join(missing)}; the first line must name the columns, and is {found}"
        )


def _check_names(header: Sequence[str], columns: Iterable[Column]) -> None:
    """Refuse duplicate names, and names that nearly match a column: choosing one would be a guess."""
    places: dict[str, list[int]] = {}
    for place, name in enumerate(header, 1):
        places.setdefault(name, []).append(place)
    twice = [f"{name} ({' and '.join(map(str, at))})" for name, at in places.items() if name and len(at) > 1]
    if twice:
        raise TableError(f"line 1: columns are named twice: {', '.join(twice)}")
    wanted = {column.name for column in columns}
    near = [name for name in places if name not in wanted and _plain(name) in wanted]
    if near:
        names = ", ".join(f"{_plain(name)}, not {shown(name)}" for name in near)
        raise TableError(f"line 1: columns must be named exactly: {names}")


def _plain(name: str) -> str:
    return re.sub(r"[\s_.-]+", "_", name.casefold()).strip("_")
