"""Tables of any size, read in chunks of a fixed number of rows: the same chunks at every run."""

import csv
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq

from housing.features import FEATURES
from housing_server.errors import UnreadableTable

STANDARD_STREAM = "-"
_BLOCK_BYTES = 8 << 20
_BATCH_ROWS = 65_536
_NO_ROWS = "Empty CSV file"
"""What Arrow says of a file that ends with its header."""
PARQUET_SUFFIXES = frozenset({".parquet", ".pq"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """A table that is read once, from its beginning."""

    schema: pa.Schema
    """Its columns."""
    batches: Iterable[pa.RecordBatch]
    """Its rows."""
    rows: int | None
    """How many there are; None when only reading shows it."""


def open_source(name: str, stdin: IO[bytes], malformed: Callable[[str], None]) -> Source:
    """Open a CSV or Parquet file.

    Args:
        name: its path; `-` for CSV from standard input.
        stdin: standard input.
        malformed: called with a description of each line of CSV that has too many or too few cells, and is left out.

    Raises:
        UnreadableTable: it is not a table, or required columns are missing.
    """
    try:
        source = _parquet(name) if Path(name).suffix.lower() in PARQUET_SUFFIXES else _csv(name, stdin, malformed)
    except (OSError, pa.ArrowException) as error:
        raise UnreadableTable(f"{name} cannot be read: {error}") from error
    missing = [feature.name for feature in FEATURES if feature.required and feature.name not in source.schema.names]
    twice = sorted({each for each in source.schema.names if source.schema.names.count(each) > 1})
    if missing:
        raise UnreadableTable(f"{name} lacks the columns {', '.join(missing)}")
    if twice:
        raise UnreadableTable(f"{name} has several columns named {', '.join(twice)}")
    return source


def chunks(source: Source, rows: int) -> Iterator[pa.Table]:
    """Yield a table's rows in chunks of a fixed size; only the last one may be smaller.

    Raises:
        UnreadableTable: the rest of it cannot be read.
    """
    waiting: list[pa.RecordBatch] = []
    count = 0
    try:
        for batch in source.batches:
            start = 0
            while batch.num_rows - start >= rows - count:
                waiting.append(batch.slice(start, rows - count))
                yield pa.Table.from_batches(waiting, source.schema)
                start += rows - count
                waiting, count = [], 0
            if start < batch.num_rows:
                waiting.append(batch.slice(start))
                count += batch.num_rows - start
    except (OSError, pa.ArrowException) as error:
        raise UnreadableTable(f"the table cannot be read to its end: {error}") from error
    if waiting:
        yield pa.Table.from_batches(waiting, source.schema)


def _parquet(name: str) -> Source:
    file = pq.ParquetFile(name, pre_buffer=False)  # or all bytes that were read stay in memory until the end
    batches = file.iter_batches(batch_size=_BATCH_ROWS)
    return Source(schema=file.schema_arrow, batches=batches, rows=file.metadata.num_rows)


def _opened(name: str) -> IO[bytes]:
    return Path(name).open("rb")  # the reader closes it


def _csv(name: str, stdin: IO[bytes], malformed: Callable[[str], None]) -> Source:
    def left_out(row: pyarrow.csv.InvalidRow) -> str:
        malformed(f"{row.actual_columns} cells, where the header has {row.expected_columns}: {row.text[:60]!r}")
        return "skip"

    file = stdin if name == STANDARD_STREAM else _opened(name)
    header = [cell.strip() for cell in next(csv.reader([file.readline().decode("utf-8-sig", "replace")]), [])]
    schema = pa.schema([(column, pa.string()) for column in header])
    try:
        batches = pyarrow.csv.open_csv(
            file,
            read_options=pyarrow.csv.ReadOptions(block_size=_BLOCK_BYTES, use_threads=False, column_names=header),
            parse_options=pyarrow.csv.ParseOptions(invalid_row_handler=left_out),
            # All columns are read as text: a cell that is no number is one row's fault.
            convert_options=pyarrow.csv.ConvertOptions(column_types=schema, strings_can_be_null=False),
        )
    except pa.ArrowInvalid as error:
        if str(error) != _NO_ROWS:
            raise
        batches = []
    return Source(schema=schema, batches=batches, rows=None)
