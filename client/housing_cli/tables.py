"""Block groups in CSV files: read, predicted and written row by row, in constant memory.

Columns have the contract's field names, in any order; an empty cell is a missing value. Other columns are kept.
"""

from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import islice
from typing import IO

from housing.cells import is_missing, parse_number
from housing.rows import message_from_mapping
from housing.tables import BLOCK_GROUP_COLUMNS, PRICE_COLUMN, Row, Table, TableError, chunks
from housing.v1.block_group_pb2 import BlockGroup
from housing_client import HousingError, InvalidRequestError, Prediction, PredictionClient

RESULT_COLUMNS = (
    "prediction_id",
    "predicted_median_house_value",
    "interval_lower",
    "interval_upper",
    "interval_upper_open",
    "interval_coverage",
    "model_name",
    "model_version",
    "predicted_at",
    "warnings",
    "error",
)
"""Columns added to each row. The predicted price has another name than the dataset's column of true prices."""

_CHUNK_ROWS = 1000
"""Rows per call, and in memory; no more than the contract allows."""

_CHUNK_SECONDS = 60.0

_KINDS = {column.name: column.kind for column in (*BLOCK_GROUP_COLUMNS, PRICE_COLUMN)}
"""The kinds of the columns that the contract knows, true prices included."""

Cell = float | str | bool | None
"""A cell of a result; None for an empty one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AnsweredRow:
    """A row and its prediction or error."""

    line: int
    """Line of the file at which the row begins, counted from 1."""
    cells: tuple[str, ...]
    """The row as read, in the header's order."""
    prediction: Prediction | None
    """The prediction; None if the row was refused."""
    error: str
    """The refused fields and the reasons; empty with a prediction."""

    def results(self) -> tuple[Cell, ...]:
        """Return the cells of `RESULT_COLUMNS`."""
        found = self.prediction
        if found is None:
            return (None,) * (len(RESULT_COLUMNS) - 1) + (self.error,)
        return (
            found.prediction_id,
            round(found.median_house_value, 2),
            *_interval(found),
            found.model_name,
            found.model_version,
            found.predicted_at.isoformat(),
            "; ".join(warning.message for warning in found.warnings) or None,
            None,
        )


def _interval(found: Prediction) -> tuple[Cell, Cell, Cell, Cell]:
    if (interval := found.interval) is None:
        return (None,) * 4
    return round(interval.lower, 2), round(interval.upper, 2), interval.upper_open, interval.coverage


class BlockGroupTable:
    """A CSV file of block groups, read while it is predicted.

    Args:
        file: the bytes, header first.

    Raises:
        TableError: the header lacks a required column, names one twice, or names a result column.
    """

    def __init__(self, file: IO[bytes]) -> None:
        self._table = Table(file, BLOCK_GROUP_COLUMNS)
        self.header: tuple[str, ...] = self._table.header
        _check_results(self.header)

    def predict(self, client: PredictionClient) -> Iterator[AnsweredRow]:
        """Predict every row, in order; a refused row does not stop the others.

        Raises:
            HousingError: the service failed; earlier rows have been yielded.
            TableError: the rest of the file cannot be read; earlier rows have been yielded.
        """
        for chunk in chunks(self._table, _CHUNK_ROWS):
            yield from _predict_chunk(client, chunk)

    def typed(self, cells: Sequence[str]) -> tuple[Cell, ...]:
        """Convert the cells of a row to numbers where the contract has numbers, otherwise to text.

        Invalid numbers remain text; a missing value is None.
        """
        return tuple(_typed(name, cell.strip()) for name, cell in zip(self.header, cells, strict=True))


def _predict_chunk(client: PredictionClient, chunk: Sequence[Row]) -> Iterator[AnsweredRow]:
    sent = [message_from_mapping(row.values) for row in chunk if not row.flaws]
    answers = _answers(client, sent)
    for row in chunk:
        if row.flaws:
            yield _refused(row, "; ".join(row.flaws))
        else:
            yield from (_answered(row, answer) for answer in islice(answers, 1))


def _answers(client: PredictionClient, sent: Sequence[BlockGroup]) -> Iterator[Prediction | HousingError]:
    """Predict a batch, which is many times faster than a stream; fall back to a stream if a row refuses the batch."""
    try:
        return iter(client.predict_batch(sent, deadline=_CHUNK_SECONDS))
    except InvalidRequestError:
        return client.predict_stream(sent, deadline=_CHUNK_SECONDS)


def _answered(row: Row, outcome: Prediction | HousingError) -> AnsweredRow:
    if isinstance(outcome, Prediction):
        return AnsweredRow(line=row.line, cells=row.cells, prediction=outcome, error="")
    if not isinstance(outcome, InvalidRequestError):
        raise outcome  # not the row's fault
    return _refused(row, "; ".join(found.in_table() for found in outcome.violations) or str(outcome))


def _refused(row: Row, error: str) -> AnsweredRow:
    return AnsweredRow(line=row.line, cells=row.cells, prediction=None, error=error)


def _typed(name: str, cell: str) -> Cell:
    if not cell or (name in _KINDS and is_missing(cell)):
        return None
    if _KINDS.get(name) == "number":
        with suppress(ValueError):
            return parse_number(cell)
    return cell


def _check_results(header: Sequence[str]) -> None:
    taken = [name for name in header if name in RESULT_COLUMNS]
    if taken:
        raise TableError(f"columns have the names of result columns: {', '.join(taken)}; rename or remove them")
