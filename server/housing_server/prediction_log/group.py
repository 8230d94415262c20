"""Answers as a line of a journal, and the records that the line stands for.

A line is one JSON object for all answers of a run, column by column: what they share is written once, and NumPy's
arrays are written as they are. JSON keeps every bit of a float64, can be read by a person, and a line that was cut off
shows as such.
"""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import orjson

from housing.contract import FEATURES
from housing_server.answers import Answers
from housing_server.prediction_log.records import Record

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class DamagedLine(Exception):
    """A line of a journal cannot be read."""


def line_from_answers(answers: Answers) -> bytes:
    """Write answers as one line, with its end."""
    description, interval = answers.model.description, answers.estimates.interval
    group = {
        "predicted_at": answers.predicted_at,
        "model": [description.name, description.version],
        "ids": answers.prediction_ids,
        "rows": np.ascontiguousarray(answers.rows),
        "prices": answers.estimates.median_house_value,
        "bounds": None if interval is None else np.ascontiguousarray(interval.bounds),
        "upper_open": None if interval is None else interval.upper_open,
        "warnings": {str(row): [each.reason for each in found] for row, found in answers.warnings.items()},
        "latencies": answers.latency_seconds,
        "callers": [[each.method, each.peer, each.request_id, each.trace_id] for each in answers.callers],
    }
    return orjson.dumps(group, option=orjson.OPT_SERIALIZE_NUMPY | orjson.OPT_APPEND_NEWLINE)


def records_from_line(line: bytes) -> Iterator[Record]:
    """Read the records that a line stands for.

    Raises:
        DamagedLine: no line of a journal looks like this.
    """
    try:
        yield from _records(orjson.loads(line))
    except (ValueError, LookupError, TypeError, AttributeError) as error:
        raise DamagedLine(f"{type(error).__name__}: {error}") from error


def _records(group: dict[str, Any]) -> Iterator[Record]:
    count = len(group["ids"])
    predicted_at = _EPOCH + timedelta(microseconds=group["predicted_at"] // 1000)
    name, version = group["model"]
    bounds, upper_open = group["bounds"] or [(None, None)] * count, group["upper_open"] or [None] * count
    latencies, callers = _for_each(group["latencies"], count), _for_each(group["callers"], count)
    for index, prediction_id in enumerate(group["ids"]):
        method, peer, request_id, trace_id = callers[index]
        yield {
            "prediction_id": prediction_id,
            "predicted_at": predicted_at,
            "method": method,
            "model_name": name,
            "model_version": version,
            **_fields(group["rows"][index]),
            "median_house_value": group["prices"][index],
            "interval_lower": bounds[index][0],
            "interval_upper": bounds[index][1],
            "interval_upper_open": upper_open[index],
            "warnings": group["warnings"].get(str(index), []),
            "latency_seconds": latencies[index],
            "peer": peer,
            "request_id": request_id,
            "trace_id": trace_id,
        }


def _for_each(values: list[Any], count: int) -> list[Any]:
    """Spread what is given once for all rows."""
    return values * count if len(values) == 1 else values


def _fields(row: list[float | None]) -> dict[str, float | str | None]:
    """Name the fields of a row; a text field is spelt out."""
    return {
        feature.name: feature.choices[int(value)] if feature.choices and value is not None else value
        for feature, value in zip(FEATURES, row, strict=True)
    }
