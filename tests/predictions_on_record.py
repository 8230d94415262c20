"""Predictions to put on record, and a program that does so.

python predictions_on_record.py URL PROCESSES TRANSACTIONS
"""

# ruff: noqa: T201 - what it prints is how it tells
import os
import sys
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any
from uuid import UUID

from housing.example import BERKELEY
from housing_server.prediction_log.records import COLUMNS
from housing_server.prediction_log.store import PredictionStore

START = datetime(2026, 3, 1, tzinfo=UTC)
"""When the first prediction was made."""

ROWS_OF_A_TRANSACTION = 5

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def prediction_id(at: datetime, number: int = 0) -> str:
    """Make an id of a time: a UUID of version 7, whose random part is a number."""
    milliseconds = (at - _EPOCH) // timedelta(milliseconds=1)
    return str(UUID(int=milliseconds << 80 | 7 << 76 | 2 << 62 | number))


def record(number: int = 0, **changes: Any) -> dict[str, Any]:
    """Make the record of a prediction, one minute after that of the number before, by the names of its columns."""
    at = changes.pop("predicted_at", None) or START + timedelta(minutes=number)
    return {
        "prediction_id": prediction_id(at, number),
        "predicted_at_us": (at - _EPOCH) // timedelta(microseconds=1),
        "method": "Predict",
        "model_name": "california-housing",
        "model_version": "3",
        **BERKELEY,
        "median_house_value": 200_000.0 + number,
        "interval_lower": 150_000.0,
        "interval_upper": 250_000.0,
        "interval_upper_open": False,
        "warnings": "",
        "latency_seconds": 0.00125,
        "peer": "ipv4:127.0.0.1:50123",
        "request_id": None,
        "trace_id": None,
    } | changes


def add(store: PredictionStore, *records: dict[str, Any]) -> int:
    """Put predictions on record, and return how many were not there yet."""
    return store.add([tuple(each[column] for column in COLUMNS) for each in records])


def main(url: str, processes: int, transactions: int) -> None:
    """Wait for a line on stdin, then write from several processes; each tells of every transaction it has committed."""
    sys.stdin.readline()
    children = [_child(url, transactions) for _ in range(processes)]
    sys.exit(max(os.waitpid(child, 0)[1] for child in children))


def _child(url: str, transactions: int) -> int:
    """Start a process that writes; return its id."""
    if child := os.fork():  # nothing is open yet that could be shared by mistake
        return child
    _write(url, transactions)
    os._exit(0)


def _write(url: str, transactions: int) -> None:
    numbers = count(os.getpid() << 32)  # no two processes make the same ids
    store = PredictionStore.open(url)
    for _ in range(transactions):
        now = datetime.now(UTC)
        add(store, *(record(next(numbers), predicted_at=now) for _ in range(ROWS_OF_A_TRANSACTION)))
        print("committed", flush=True)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
