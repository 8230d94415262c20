"""Answers as lines, and the records that lines stand for."""

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from housing.features import FEATURE_NAMES
from housing_server.core.answers import Answers
from housing_server.prediction_log.journal_lines import DamagedLine, decode_line, encode_line
from housing_server.prediction_log.records import COLUMNS
from serving_fakes import CALLER, NOW, IncomeModel

ROW = [-120.0, 37.0, 20.0, 100.0, 20.0, 50.0, 20.0, 5.0, 1.0]


def answers(rows: list[list[float]], *, together: bool = False) -> Answers:
    """Answers of the income model to rows, asked for by one caller each, or by one for all."""
    model, matrix = IncomeModel(), np.array(rows)
    askers = [CALLER] if together else [CALLER._replace(request_id=f"request-{index}") for index in range(len(rows))]
    return Answers.of(
        model,
        matrix,
        model.estimate(matrix),
        prediction_ids=[f"id-{index}" for index in range(len(rows))],
        predicted_at=NOW,
        latency_seconds=[0.25] * len(askers),
        callers=askers,
    )


def records(line: bytes) -> list[dict[str, Any]]:
    """Read a line's records, by the names of their columns."""
    return [dict(zip(COLUMNS, record, strict=True)) for record in decode_line(line)]


def test_record_holds_what_was_asked_and_what_was_answered() -> None:
    """Nothing of an answer is lost on the way."""
    sparse = [math.nan if name in {"total_bedrooms", "ocean_proximity"} else 0.5 for name in FEATURE_NAMES]
    first, second = records(encode_line(answers([ROW, sparse])))
    assert first["prediction_id"] == "id-0"
    assert first["predicted_at_us"] == NOW // 1000
    assert (first["model_name"], first["model_version"]) == ("income", "7")
    assert (first["longitude"], first["ocean_proximity"]) == (-120.0, "INLAND")
    assert (first["median_house_value"], first["interval_lower"], first["interval_upper"]) == (50_000, 49_000, 51_000)
    assert (first["interval_upper_open"], first["warnings"]) == (False, "")
    assert (first["method"], first["peer"], first["latency_seconds"]) == ("Predict", CALLER.peer, 0.25)
    assert (second["total_bedrooms"], second["ocean_proximity"]) == (None, None)
    assert "CHEAP" in second["warnings"].split()
    assert [each["request_id"] for each in (first, second)] == ["request-0", "request-1"]


def test_batch_names_its_caller_once() -> None:
    """And each of its records names it."""
    line = encode_line(answers([ROW] * 100, together=True))
    assert line.count(b"request-1") == 1
    assert {each["request_id"] for each in records(line)} == {"request-1"}


@given(st.floats(-1e300, 1e300))
def test_every_bit_of_a_number_comes_back(value: float) -> None:
    """A price is looked up as it was given."""
    row = [*ROW[:7], value, 1.0]
    (record,) = records(encode_line(answers([row])))
    assert record["median_income"] == value


@pytest.mark.parametrize("line", [b"\n", b"{}\n", b'{"ids":["a"]}\n', b"[1]\n", b'{"ids":'])
def test_damaged_line_says_so(line: bytes) -> None:
    """It is told from a good one whatever became of it."""
    with pytest.raises(DamagedLine):
        list(decode_line(line))
