"""One logged prediction: as a record, which travels, and as a row, which is stored."""

import time
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from google.protobuf.timestamp_pb2 import Timestamp

Record = Mapping[str, Any]
"""One prediction on record: `prediction_id` (a UUID of version 7, lower case), `predicted_at` (aware), `method`,
`model_name`, `model_version`, the nine fields by name (None where left out), `median_house_value` (USD),
`interval_lower`, `interval_upper` (USD) and `interval_upper_open` (None where the model knows no interval), `warnings`
(their reasons), `latency_seconds`, `peer`, and `request_id` and `trace_id` (None where not known)."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


def row_from_record(record: Record) -> dict[str, Any]:
    """Write a record as values of the columns of `predictions`."""
    row = dict(record)
    row["predicted_at_us"] = (row.pop("predicted_at") - _EPOCH) // _MICROSECOND
    row["warnings"] = " ".join(row["warnings"])
    return row


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
