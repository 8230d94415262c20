"""True prices in CSV files: read, sent and reported row by row."""

import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import IO

from housing.tables import PRICE_COLUMN, Column, Row, Table, chunks
from housing_client import InvalidRequestError, PredictionClient

_ID_COLUMN = Column(name="prediction_id", kind="text", required=True)

REPORT_COLUMNS = ("line", "prediction_id", "result", "error")

_CHUNK_ROWS = 1000
"""Rows per call, and in memory; no more than the contract allows."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportedRow:
    """A row and its result."""

    line: int
    """Line of the file at which the row begins, counted from 1."""
    prediction_id: str
    """The prediction's id, as read."""
    result: str
    """`recorded`, `unchanged` or `revised`; otherwise `late`, `unknown` or `refused`."""
    error: str
    """The error of a refused row; empty for others."""

    @property
    def is_on_record(self) -> bool:
        """Whether the true price is on record."""
        return self.result in ("recorded", "unchanged", "revised")

    def cells(self) -> tuple[int | str, ...]:
        """Return the cells of `REPORT_COLUMNS`."""
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
        """Record the true price of every row, in order; a refused row does not stop the others.

        Raises:
            HousingError: the service failed; earlier rows have been reported.
            TableError: the rest of the file cannot be read; earlier rows have been reported.
        """
        for chunk in chunks(self._table, _CHUNK_ROWS):
            yield from self._recorded(client, chunk)

    def _recorded(self, client: PredictionClient, chunk: Sequence[Row]) -> Iterator[ReportedRow]:
        """Send rows, again without those that are refused, until the rest is accepted."""
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
    assert isinstance(value, float)  # noqa: S101 - guaranteed by the table for rows without a flaw
    return value


def _refusals(error: InvalidRequestError, sent: Sequence[Row]) -> dict[int, str]:
    """Return the errors by line.

    Raises:
        InvalidRequestError: the error is not about any line.
    """
    words: defaultdict[int, list[str]] = defaultdict(list)
    for violation in error.violations:
        if match := re.match(r"outcomes\[(\d+)\]", violation.field):
            words[sent[int(match[1])].line].append(violation.in_table())
    if not words:
        raise error
    return {line: "; ".join(found) for line, found in words.items()}
