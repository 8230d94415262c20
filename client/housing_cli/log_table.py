"""Predictions on record as a table: columns, and CSV and Parquet files.

The true price has the dataset's own column name, `median_house_value`, so that the file can be used for training.
"""

import csv
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import IO, Any, Literal

from housing.features import FEATURES
from housing_client import LoggedPrediction

_ROWS_AT_ONCE = 10_000

Kind = Literal["text", "number", "flag", "time"]


@dataclass(frozen=True, slots=True)
class Column:
    """A column of the table."""

    name: str
    kind: Kind
    """The type of its cells; any cell may be empty."""
    cell: Callable[[LoggedPrediction], Any]
    """Returns the cell of a prediction; None for an empty one."""


def _attribute(name: str, kind: Kind = "text") -> Column:
    return Column(name, kind, lambda found: getattr(found, name))


def _field(name: str, kind: Kind) -> Column:
    return Column(name, kind, lambda found: found.block_group.get(name))


def _of_interval(name: str, attribute: str, kind: Kind) -> Column:
    return Column(name, kind, lambda found: found.interval and getattr(found.interval, attribute))


def _of_outcome(name: str, attribute: str, kind: Kind) -> Column:
    return Column(name, kind, lambda found: found.outcome and getattr(found.outcome, attribute))


COLUMNS: tuple[Column, ...] = (
    _attribute("prediction_id"),
    _attribute("predicted_at", "time"),
    _attribute("method"),
    _attribute("model_name"),
    _attribute("model_version"),
    *(_field(feature.name, "text" if feature.choices else "number") for feature in FEATURES),
    Column("predicted_median_house_value", "number", lambda found: found.median_house_value),
    _of_interval("interval_lower", "lower", "number"),
    _of_interval("interval_upper", "upper", "number"),
    _of_interval("interval_upper_open", "upper_open", "flag"),
    Column("warnings", "text", lambda found: " ".join(found.warnings)),
    _attribute("latency_seconds", "number"),
    _attribute("peer"),
    _attribute("request_id"),
    _attribute("trace_id"),
    _of_outcome("median_house_value", "median_house_value", "number"),
    _of_outcome("outcome_recorded_at", "recorded_at", "time"),
    _of_outcome("outcome_revised_at", "revised_at", "time"),
)


def write_csv(file: IO[str], predictions: Iterable[LoggedPrediction]) -> None:
    """Write CSV with a header; times are ISO 8601, in UTC."""
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(column.name for column in COLUMNS)
    writer.writerows([_text(column, found) for column in COLUMNS] for found in predictions)


def write_csv_file(path: Path, predictions: Iterable[LoggedPrediction]) -> None:
    """Write a CSV file."""
    with path.open("w", encoding="utf-8", newline="") as file:
        write_csv(file, predictions)


def write_parquet(path: Path, predictions: Iterable[LoggedPrediction]) -> None:
    """Write a Parquet file, in row groups of some thousand rows.

    Raises:
        ModuleNotFoundError: pyarrow is not installed.
    """
    import pyarrow as pa  # noqa: PLC0415 - only Parquet needs it
    from pyarrow.parquet import ParquetWriter  # noqa: PLC0415

    types = {
        "text": pa.string(),
        "number": pa.float64(),
        "flag": pa.bool_(),
        "time": pa.timestamp("us", tz="UTC"),
    }
    schema = pa.schema([(column.name, types[column.kind]) for column in COLUMNS])
    with ParquetWriter(path, schema, compression="zstd") as writer:
        for chunk in _chunks(predictions):
            cells = [[column.cell(found) for found in chunk] for column in COLUMNS]
            arrays = [pa.array(values, type=field.type) for values, field in zip(cells, schema, strict=True)]
            writer.write_table(pa.Table.from_arrays(arrays, schema=schema))


def _text(column: Column, found: LoggedPrediction) -> Any:
    cell = column.cell(found)
    if cell is None:
        return ""
    if column.kind == "time":
        return cell.isoformat()
    return str(cell).lower() if column.kind == "flag" else cell


def _chunks(predictions: Iterable[LoggedPrediction]) -> Iterator[Sequence[LoggedPrediction]]:
    waiting = iter(predictions)
    while chunk := list(islice(waiting, _ROWS_AT_ONCE)):
        yield chunk
