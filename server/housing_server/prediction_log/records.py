"""The columns of a stored prediction, and conversions of its times."""

import time
from typing import Any, TypeAlias

from google.protobuf.timestamp_pb2 import Timestamp

from housing.features import FEATURE_NAMES

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
"""Column names of a prediction, in the order of a record and of the table."""

Record: TypeAlias = tuple[Any, ...]
"""One prediction on record, in `COLUMNS` order: the id is a UUID of version 7 in lower case, its time in microseconds
since the epoch, prices in USD, `warnings` the reasons separated by spaces; None for a missing field, for an interval
that the model does not have, and for a missing request or trace id. A plain tuple for speed: databases accept it as it
is."""


def now_us() -> int:
    """Return the time, in microseconds since the epoch."""
    return time.time_ns() // 1000


def timestamp(microseconds: int) -> Timestamp:
    """Convert microseconds since the epoch to a Timestamp."""
    seconds, rest = divmod(microseconds, 1_000_000)
    return Timestamp(seconds=seconds, nanos=rest * 1000)


def from_timestamp(moment: Timestamp) -> int:
    """Convert a Timestamp to whole microseconds since the epoch."""
    return moment.seconds * 1_000_000 + moment.nanos // 1000
