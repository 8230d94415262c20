"""The encoding of answers as a journal line, and its decoding into records.

A line is one JSON object for all answers of a run, in columns: shared values are written once, and NumPy arrays
directly. JSON preserves every bit of a float64, is human-readable, and a truncated line is recognized.
"""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import orjson

from housing.features import FEATURES
from housing_server.core.answers import Answers
from housing_server.prediction_log.records import Record


class DamagedLine(Exception):
    """A journal line cannot be decoded."""


def encode_line(answers: Answers) -> bytes:
    """Encode answers as one line, with its line end."""
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
        "callers": [[each.method, each.peer_on_record, each.request_id, each.trace_id] for each in answers.callers],
    }
    return orjson.dumps(group, option=orjson.OPT_SERIALIZE_NUMPY | orjson.OPT_APPEND_NEWLINE)


def decode_line(line: bytes) -> Iterator[Record]:
    """Decode the records of a line.

    Raises:
        DamagedLine: the line is malformed.
    """
    try:
        yield from _records(orjson.loads(line))
    except (ValueError, LookupError, TypeError, AttributeError) as error:
        raise DamagedLine(f"{type(error).__name__}: {error}") from error


def _records(group: dict[str, Any]) -> Iterator[Record]:
    """Expand a group's columns, in `COLUMNS` order, and iterate over them in parallel."""
    count = len(group["ids"])
    name, version = group["model"]
    methods, peers, request_ids, trace_ids = zip(*_for_each(group["callers"], count), strict=True)
    lowest, highest = zip(*(group["bounds"] or [(None, None)] * count), strict=True)
    return zip(
        group["ids"],
        [group["predicted_at"] // 1000] * count,
        methods,
        [name] * count,
        [version] * count,
        *_fields(group["rows"]),
        group["prices"],
        lowest,
        highest,
        group["upper_open"] or [None] * count,
        _warnings(group["warnings"], count),
        _for_each(group["latencies"], count),
        peers,
        request_ids,
        trace_ids,
        strict=True,
    )


def _for_each(values: list[Any], count: int) -> list[Any]:
    """Repeat a value that is shared by all rows."""
    return values * count if len(values) == 1 else values


def _fields(rows: list[list[float | None]]) -> Iterator[Sequence[float | str | None]]:
    """Split rows into fields; codes of a text field become text."""
    for feature, column in zip(FEATURES, zip(*rows, strict=True), strict=True):
        choices = feature.choices
        yield [None if code is None else choices[int(code)] for code in column] if choices else column


def _warnings(found: dict[str, list[str]], count: int) -> list[str]:
    """Join the reasons of each row; most have none."""
    reasons = [""] * count
    for row, each in found.items():
        reasons[int(row)] = " ".join(each)
    return reasons
