"""True prices in CSV files: read, sent, and reported on row by row."""

import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import IO

from housing.tables import PRICE_COLUMN, Column, Row, RowsBeforeError, Table
from housing_client import InvalidRequestError, PredictionClient

_ID_COLUMN = Column(name="prediction_id", kind="text", required=True)

REPORT_COLUMNS = ("line", "prediction_id", "result", "error")

_CHUNK_ROWS = 1000
"""Rows sent in one call, and held at a time; no more than the contract allows."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportedRow:
    """A row and its result."""

    line: int
    """The line of the file where the row begins, counted from 1."""
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


class OutcomeTable:
    """A CSV file of true prices, read while it is sent.

    Args:
        file: the bytes, header first.

    Raises:
        TableError: the header lacks a column, or names one twice.
    """

    def __init__(self, file: IO[bytes]) -> None:
        self._table = Table(file, (_ID_COLUMN, PRICE_COLUMN))
        self._id_place = self._table.header.index(_ID_COLUMN.name)

    def record(self, client: PredictionClient) -> Iterator[ReportedRow]:
        """Record the true price of every row, in order; a row that is refused does not stop the others.

        Raises:
            HousingError: the service failed; the rows before that are reported.
            TableError: the rest of the file cannot be read; the rows before that are reported.
        """
        rows = RowsBeforeError(self._table)
        while chunk := list(islice(rows, _CHUNK_ROWS)):
            yield from self._recorded(client, chunk)
        rows.raise_error()

    def _recorded(self, client: PredictionClient, chunk: Sequence[Row]) -> Iterator[ReportedRow]:
        """Send rows without those that are refused, which the service names some at a time."""
        refused = {row.line: "; ".join(row.flaws) for row in chunk if row.flaws}
        results: dict[int, str] = {}
        while not results and (sent := [row for row in chunk if row.line not in refused]):
            try:
                results = _send(client, sent)
            except InvalidRequestError as error:
                refused |= _refusals(error, sent)
        for row in chunk:
            yield ReportedRow(
                line=row.line,
                prediction_id=row.cells[self._id_place].strip(),
                result=results.get(row.line, "refused"),
                error=refused.get(row.line, ""),
            )


def _send(client: PredictionClient, rows: Sequence[Row]) -> dict[int, str]:
    """Send rows, and return the results by line."""
    pairs = ((str(row.values[_ID_COLUMN.name]), _price(row)) for row in rows)
    return {row.line: answer.result for row, answer in zip(rows, client.record_outcomes(pairs), strict=True)}


def _price(row: Row) -> float:
    value = row.values[PRICE_COLUMN.name]
    assert isinstance(value, float)  # noqa: S101 - the table holds a number in every row without a flaw
    return value


def _refusals(error: InvalidRequestError, sent: Sequence[Row]) -> dict[int, str]:
    """Find the lines that an error is about.

    Raises:
        InvalidRequestError: it is about no line.
    """
    words: defaultdict[int, list[str]] = defaultdict(list)
    for violation in error.violations:
        if match := re.match(r"outcomes\[(\d+)\]", violation.field):
            words[sent[int(match[1])].line].append(violation.in_table())
    if not words:
        raise error
    return {line: "; ".join(found) for line, found in words.items()}
