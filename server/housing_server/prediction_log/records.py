"""One logged prediction as it is stored: its columns, and times on record."""

import time
from typing import Any, TypeAlias

from google.protobuf.timestamp_pb2 import Timestamp

from housing.contract import FEATURE_NAMES

COLUMNS = (
    "prediction_id",
    "predicted_at_us",
    "method",
    "model_name",
    "model_version",
    *FEATURE_NAMES,
    "median_house_value",
    "interval_lower",
    "interval_upper",
    "interval_upper_open",
    "warnings",
    "latency_seconds",
    "peer",
    "request_id",
    "trace_id",
)
"""Names of what is on record of a prediction, in the order of a record and of the table."""

Record: TypeAlias = tuple[Any, ...]
"""One prediction on record, in `COLUMNS` order: the id is a UUID of version 7 in lower case, its time in microseconds
since the epoch, prices in USD, `warnings` the reasons with spaces between; None for a field that was left out, an
interval that the model does not know, and a request or trace id that nobody gave.

A plain tuple, since millions of them pass: databases take it as it is."""


def now_us() -> int:
    """Tell the time, in microseconds since the epoch."""
    return time.time_ns() // 1000


def timestamp(microseconds: int) -> Timestamp:
    """Word a time, in microseconds since the epoch."""
    seconds, rest = divmod(microseconds, 1_000_000)
    return Timestamp(seconds=seconds, nanos=rest * 1000)


def from_timestamp(moment: Timestamp) -> int:
    """Read a time, as whole microseconds since the epoch."""
    return moment.seconds * 1_000_000 + moment.nanos // 1000
