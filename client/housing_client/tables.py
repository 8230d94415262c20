"""Block groups in CSV files: read, predicted and written row by row, in constant memory.

Columns carry the contract's field names, in any order; an empty cell leaves its field out. Other columns are kept.
"""

import csv
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

from housing.contract import FEATURES, message_from_mapping
from housing.v1.block_group_pb2 import BlockGroup
from housing_client.client import PredictionClient
from housing_client.errors import HousingError, InvalidRequestError
from housing_client.results import Prediction

RESULT_COLUMNS = (
    "prediction_id",
    "predicted_median_house_value",
    "model_name",
    "model_version",
    "predicted_at",
    "warnings",
    "error",
)
"""What is added to each row. The price's column differs from the dataset's own, which holds the true price."""

_CHUNK_ROWS = 1000
"""Rows sent in one call, and held at a time; no more than the contract allows."""

_CHUNK_SECONDS = 60.0


class TableError(ValueError):
    """The file as a whole cannot be read as block groups; the message says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AnsweredRow:
    """A row and what became of it."""

    line: int
    """The line of the file where the row ends, counted from 1."""
    cells: tuple[str, ...]
    """The row as it was read, in the header's order."""
    prediction: Prediction | None
    """The prediction; None when the row was refused."""
    error: str
    """Which fields were refused and why; empty when there is a prediction."""

    def results(self) -> tuple[str | float, ...]:
        """Fill `RESULT_COLUMNS`."""
        found = self.prediction
        if found is None:
            return ("",) * (len(RESULT_COLUMNS) - 1) + (self.error,)
        return (
            found.prediction_id,
            round(found.median_house_value, 2),
            found.model_name,
            found.model_version,
            found.predicted_at.isoformat(),
            "; ".join(warning.message for warning in found.warnings),
            "",
        )


@dataclass(frozen=True, slots=True)
class _Row:
    line: int
    cells: list[str]


class BlockGroupTable:
    """A CSV file of block groups, read while it is predicted.

    Args:
        lines: the text, header first.

    Raises:
        TableError: the header is missing, lacks a required column, names one twice, or names one of the results.
    """

    def __init__(self, lines: Iterable[str]) -> None:
        self._reader = csv.reader(lines)
        self.header: tuple[str, ...] = tuple(name.strip() for name in self._next_record() or ())
        _check_header(self.header)

    def predict(self, client: PredictionClient) -> Iterator[AnsweredRow]:
        """Predict every row, in order; a row that is refused does not stop the others.

        Raises:
            HousingError: the service failed; the rows before that are answered.
            TableError: the rest of the file cannot be read.
        """
        rows = self._rows()
        while chunk := list(islice(rows, _CHUNK_ROWS)):
            yield from self._predict_chunk(client, chunk)

    def _predict_chunk(self, client: PredictionClient, chunk: Sequence[_Row]) -> Iterator[AnsweredRow]:
        parsed = [self._block_group(row) for row in chunk]
        sent = [found for found in parsed if isinstance(found, BlockGroup)]
        for row, outcome in zip(chunk, _outcomes(parsed, _answers(client, sent)), strict=True):
            yield self._answered(row, outcome)

    def _block_group(self, row: _Row) -> BlockGroup | ValueError:
        if len(row.cells) > len(self.header):
            extra = ", ".join(row.cells[len(self.header) :])
            return ValueError(f"the row has more cells than the header has columns: {extra}")
        named = zip(self.header, (cell.strip() for cell in row.cells), strict=False)
        fields = {feature.name for feature in FEATURES}
        try:
            return message_from_mapping({name: cell or None for name, cell in named if name in fields})
        except ValueError as error:
            return error

    def _answered(self, row: _Row, outcome: Prediction | HousingError | ValueError) -> AnsweredRow:
        if isinstance(outcome, HousingError) and not isinstance(outcome, InvalidRequestError):
            raise outcome  # not the row's fault
        width = len(self.header)
        return AnsweredRow(
            line=row.line,
            cells=tuple(row.cells[:width]) + ("",) * (width - len(row.cells)),
            prediction=outcome if isinstance(outcome, Prediction) else None,
            error="" if isinstance(outcome, Prediction) else _words(outcome),
        )

    def _rows(self) -> Iterator[_Row]:
        while (record := self._next_record()) is not None:
            if record:  # an empty line is no row
                yield _Row(self._reader.line_num, record)

    def _next_record(self) -> list[str] | None:
        try:
            return next(self._reader, None)
        except UnicodeDecodeError as error:
            raise TableError(f"after line {self._reader.line_num}: the file is not UTF-8 text") from error
        except csv.Error as error:
            raise TableError(f"line {self._reader.line_num}: {error}") from error


def _answers(client: PredictionClient, sent: Sequence[BlockGroup]) -> Iterator[Prediction | HousingError]:
    """Ask for a batch, which is many times faster than a stream, unless a bad block group refuses it whole."""
    try:
        return iter(client.predict_batch(sent, deadline=_CHUNK_SECONDS))
    except InvalidRequestError:
        return client.predict_stream(sent, deadline=_CHUNK_SECONDS)


def _words(error: InvalidRequestError | ValueError) -> str:
    violations = error.violations if isinstance(error, InvalidRequestError) else ()
    return "; ".join(found.in_table() for found in violations) or str(error)


def _outcomes(
    parsed: Iterable[BlockGroup | ValueError], answers: Iterator[Prediction | HousingError]
) -> Iterator[Prediction | HousingError | ValueError]:
    """Put what could not be sent between the answers to what was."""
    for found in parsed:
        if isinstance(found, ValueError):
            yield found
        else:
            yield from islice(answers, 1)


def _check_header(header: Sequence[str]) -> None:
    missing = [feature.name for feature in FEATURES if feature.required and feature.name not in header]
    if missing:
        raise TableError(f"required columns are missing: {', '.join(missing)}; the first line must name the columns")
    twice = [name for name, times in Counter(header).items() if times > 1]
    if twice:
        raise TableError(f"columns are named twice: {', '.join(twice)}")
    taken = [name for name in header if name in RESULT_COLUMNS]
    if taken:
        raise TableError(f"columns are named as those of the result: {', '.join(taken)}; rename or remove them")
