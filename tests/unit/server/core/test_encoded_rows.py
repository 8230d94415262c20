"""Rows that are read from bytes are those of the message, or are left to its parser."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from housing.example import BERKELEY
from housing.features import FEATURES
from housing.rows import message_from_mapping
from housing.v1.block_group_pb2 import BlockGroup
from housing.v1.prediction_service_pb2 import PredictRequest
from housing_server.core.encoded_rows import row_reader
from housing_server.core.rows import read_row

READ = row_reader(PredictRequest)
COMPLETE = PredictRequest(block_group=message_from_mapping(BERKELEY))


def same(one: list[float], other: list[float]) -> bool:
    """Whether rows are equal, NaN to NaN."""
    return all(a == b or (math.isnan(a) and math.isnan(b)) for a, b in zip(one, other, strict=True))


NUMBERS = [
    st.floats(feature.minimum, feature.maximum) | st.floats() | st.sampled_from([feature.minimum, feature.maximum])
    for feature in FEATURES
    if feature.minimum is not None and feature.maximum is not None
]
LABELS = st.none() | st.sampled_from(FEATURES[-1].choices) | st.text(max_size=20)


@given(st.tuples(*NUMBERS), LABELS)
def test_row_that_is_read_from_bytes_is_that_of_the_message(numbers: tuple[float, ...], label: str | None) -> None:
    """Complete numbers are enough to be read; a row that breaks a rule is not."""
    group = BlockGroup(**{feature.name: value for feature, value in zip(FEATURES, numbers, strict=False)})  # type: ignore[arg-type]
    if label is not None:
        group.ocean_proximity = label
    expected = read_row(group)
    row = READ(PredictRequest(block_group=group).SerializeToString())
    if expected is None:
        assert row is None
    elif len(label or "") < 20:
        assert row is not None
        assert same(row, expected)


def test_complete_request_is_read_from_its_bytes() -> None:
    """Which is what makes it quick."""
    expected = read_row(COMPLETE.block_group)
    assert expected is not None
    assert READ(COMPLETE.SerializeToString()) == expected


@pytest.mark.parametrize("name", [feature.name for feature in FEATURES[:-1]])
def test_request_that_lacks_a_number_is_left_to_its_parser(name: str) -> None:
    """It may be optional."""
    request = PredictRequest.FromString(COMPLETE.SerializeToString())
    request.block_group.ClearField(name)  # type: ignore[arg-type]  # any field
    assert READ(request.SerializeToString()) is None


@given(st.binary(max_size=120))
def test_bytes_that_are_no_request_are_left_to_the_parser(data: bytes) -> None:
    """Whatever they are."""
    assert READ(data) is None


def test_request_with_more_in_it_is_left_to_its_parser() -> None:
    """A field of a later version, a second block group, one that is cut off: all are the parser's."""
    data = COMPLETE.SerializeToString()
    for other in (data + b"\x7a\x00", data + data, data[:-1], data[1:], b""):
        assert READ(other) is None
