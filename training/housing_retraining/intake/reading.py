"""Reading a dropped file in pieces: CSV, plain or gzipped, and Parquet."""

import gzip
import io
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, cast

import pandas as pd
import pyarrow as pa
from pyarrow import parquet

from housing.tables import BLOCK_GROUP_COLUMNS, PRICE_COLUMN, Row, Table, TableError
from housing_retraining.errors import FileRefused
from housing_retraining.intake.bounded_lines import BoundedLines

ROWS_AT_ONCE = 5000
"""How many rows are in memory at a time."""

_COLUMNS = (*BLOCK_GROUP_COLUMNS, PRICE_COLUMN)


@dataclass(frozen=True, slots=True, kw_only=True)
class Flaw:
    """What is wrong with a row."""

    row: int
    """Its number: in CSV the line where it begins, with the header on line 1; in Parquet the row, counted from 1."""
    reason: str
    """What is wrong, beginning with the name of the column if there is one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    """Some rows of a file, in its order."""

    table: pd.DataFrame
    """Readable rows, with the contract's columns and the price; the index has their numbers."""
    flaws: tuple[Flaw, ...]
    """Unreadable rows."""


def read_pieces(path: Path) -> Iterator[Piece]:
    """Read a file in pieces; its format follows from its name.

    Raises:
        FileRefused: its format is not supported, columns are missing, or it cannot be read to its end.
    """
    name = path.name.lower()
    reader = next((read for ending, read in _READERS.items() if name.endswith(ending)), None)
    if reader is None:
        raise FileRefused(f"only {', '.join(_READERS)} are read")
    with _reading_errors():
        yield from reader(path)


def _read_csv(path: Path) -> Iterator[Piece]:
    with path.open("rb") as file:
        yield from _csv_pieces(file)


def _read_gzip(path: Path) -> Iterator[Piece]:
    with gzip.open(path) as file:
        yield from _csv_pieces(cast(IO[bytes], file))


def _csv_pieces(file: IO[bytes]) -> Iterator[Piece]:
    rows = Table(io.BufferedReader(BoundedLines(file)), _COLUMNS)
    for some in _batches(rows):
        flaws = tuple(Flaw(row=row.line, reason="; ".join(row.flaws)) for row in some if row.flaws)
        yield Piece(table=_frame([row for row in some if not row.flaws]), flaws=flaws)


def _read_parquet(path: Path) -> Iterator[Piece]:
    file = parquet.ParquetFile(path, pre_buffer=False)  # or all bytes that were read stay in memory until the end
    names = set(file.schema_arrow.names)
    if missing := [column.name for column in _COLUMNS if column.required and column.name not in names]:
        found = ", ".join(file.schema_arrow.names)[:300]
        raise FileRefused(f"required columns are missing: {', '.join(missing)}; the file has {found}")
    present = [column.name for column in _COLUMNS if column.name in names]
    first = 1
    for batch in file.iter_batches(ROWS_AT_ONCE, columns=present):
        table = batch.to_pandas().reindex(columns=[column.name for column in _COLUMNS])
        table.index = pd.RangeIndex(first, first + len(table))
        first += len(table)
        yield Piece(table=table, flaws=())


_READERS: Mapping[str, Callable[[Path], Iterator[Piece]]] = {
    ".csv": _read_csv,
    ".csv.gz": _read_gzip,
    ".parquet": _read_parquet,
}


def _batches(rows: Iterable[Row]) -> Iterator[list[Row]]:
    some: list[Row] = []
    for row in rows:
        some.append(row)
        if len(some) == ROWS_AT_ONCE:
            yield some
            some = []
    if some:
        yield some


def _frame(rows: list[Row]) -> pd.DataFrame:
    columns: dict[str, Any] = {
        column.name: pd.Series(
            [row.values.get(column.name) for row in rows],
            index=[row.line for row in rows],
            dtype="float64" if column.kind == "number" else "str",
        )
        for column in _COLUMNS
    }
    return pd.DataFrame(columns)


@contextmanager
def _reading_errors() -> Iterator[None]:
    try:
        yield
    except (TableError, pa.ArrowException) as error:
        raise FileRefused(" ".join(str(error).split())[:500]) from error
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise FileRefused(f"the gzip file is damaged: {error}") from error
    except OSError as error:
        raise FileRefused(f"it cannot be read: {error.strerror or error}") from error
