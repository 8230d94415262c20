"""True prices in CSV files: read, sent, and reported on row by row."""

import csv
import math
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

from housing_client.client import PredictionClient
from housing_client.errors import InvalidRequestError
from housing_client.tables import TableError

ID_COLUMN, PRICE_COLUMN = "prediction_id", "median_house_value"

REPORT_COLUMNS = ("line", "prediction_id", "result", "error")

_CHUNK_ROWS = 1000
"""Rows sent in one call, and held at a time; no more than the contract allows."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportedRow:
    """A row and what became of it."""

    line: int
    """The line of the file where the row ends, counted from 1."""
    prediction_id: str
    """The prediction's id, as it was read."""
    result: str
    """`recorded`, `unchanged`, `revised`, or, when it was not recorded, `late`, `unknown` or `refused`."""
    error: str
    """What is wrong with a row that was refused; empty for others."""

    @property
    def is_on_record(self) -> bool:
        """Whether the true price is on record now."""
        return self.result in ("recorded", "unchanged", "revised")

    def cells(self) -> tuple[int | str, ...]:
        """Fill `REPORT_COLUMNS`."""
        return self.line, self.prediction_id, self.result, self.error


@dataclass(frozen=True, slots=True)
class _Row:
    line: int
    prediction_id: str
    price: float


class OutcomeTable:
    """A CSV file of true prices, read while it is sent.

    Args:
        lines: the text, header first.

    Raises:
        TableError: the header lacks a column.
    """

    def __init__(self, lines: Iterable[str]) -> None:
        self._reader = csv.DictReader(lines, skipinitialspace=True, restval="")
        header = self._header()
        missing = [name for name in (ID_COLUMN, PRICE_COLUMN) if name not in header]
        if missing:
            raise TableError(
                f"required columns are missing: {', '.join(missing)}; the first line must name the columns"
            )

    def record(self, client: PredictionClient) -> Iterator[ReportedRow]:
        """Record the true price of every row, in order; a row that is refused does not stop the others.

        Raises:
            HousingError: the service failed; the rows before that are reported.
            TableError: the rest of the file cannot be read.
        """
        rows = self._rows()
        while chunk := list(islice(rows, _CHUNK_ROWS)):
            yield from _recorded(client, chunk)

    def _header(self) -> Sequence[str]:
        try:
            return self._reader.fieldnames or ()
        except (UnicodeDecodeError, csv.Error) as error:
            raise TableError(f"the first line cannot be read as CSV: {error}") from error

    def _rows(self) -> Iterator[_Row]:
        try:
            for cells in self._reader:
                yield _Row(self._reader.line_num, cells[ID_COLUMN].strip(), _number(cells[PRICE_COLUMN]))
        except UnicodeDecodeError as error:
            raise TableError(f"after line {self._reader.line_num}: the file is not UTF-8 text") from error
        except csv.Error as error:
            raise TableError(f"line {self._reader.line_num}: {error}") from error


def _number(cell: str) -> float:
    """Read a price; NaN stands for what is none, and is refused by the service."""
    try:
        return float(cell)
    except ValueError:
        return math.nan


def _recorded(client: PredictionClient, chunk: Sequence[_Row]) -> Iterator[ReportedRow]:
    """Send rows without those that are refused, which the service names some at a time."""
    refused: dict[_Row, str] = {}
    results: dict[_Row, str] = {}
    while not results and (sent := [row for row in chunk if row not in refused]):
        try:
            answers = client.record_outcomes((row.prediction_id, row.price) for row in sent)
            results = {row: answer.result for row, answer in zip(sent, answers, strict=True)}
        except InvalidRequestError as error:
            refused |= _refusals(error, sent)
    for row in chunk:
        yield ReportedRow(
            line=row.line,
            prediction_id=row.prediction_id,
            result=results.get(row, "refused"),
            error=refused.get(row, ""),
        )


def _refusals(error: InvalidRequestError, sent: Sequence[_Row]) -> dict[_Row, str]:
    """Find the rows that an error is about.

    Raises:
        InvalidRequestError: it is about none.
    """
    words: defaultdict[_Row, list[str]] = defaultdict(list)
    for violation in error.violations:
        if match := re.match(r"outcomes\[(\d+)\]", violation.field):
            words[sent[int(match[1])]].append(violation.in_table())
    if not words:
        raise error
    return {row: "; ".join(found) for row, found in words.items()}
