"""The way between messages and rows."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from housing.features import FEATURES, Feature
from housing.rows import message_from_mapping, message_from_row, row_from_message
from housing.v1.block_group_pb2 import BlockGroup


def values(feature: Feature) -> st.SearchStrategy[float]:
    """Values that a row may hold for a field, left out included."""
    if feature.choices:
        given_values = st.integers(0, len(feature.choices) - 1).map(float)
    else:
        given_values = st.floats(feature.minimum, feature.maximum)
    return given_values | st.just(math.nan)


ROWS = st.tuples(*map(values, FEATURES)).map(list)


@given(ROWS)
def test_row_survives_the_way_through_a_message(row: list[float]) -> None:
    """Row to message to bytes to message to row changes nothing, missing values included."""
    message = BlockGroup.FromString(message_from_row(row).SerializeToString())
    assert row_from_message(message) == pytest.approx(row, abs=0, rel=0, nan_ok=True)


def test_mapping_leaves_missing_values_out() -> None:
    """None and NaN stand for a field that is not given, as in tables."""
    message = message_from_mapping({"latitude": 37, "total_bedrooms": math.nan, "ocean_proximity": None})
    assert [field.name for field, _ in message.ListFields()] == ["latitude"]


@pytest.mark.parametrize(
    ("name", "value"), [("bedrooms", 3), ("latitude", "north"), ("latitude", []), ("ocean_proximity", 3)]
)
def test_mapping_with_a_bad_name_or_type_is_refused_by_name(name: str, value: object) -> None:
    """The error names the field."""
    with pytest.raises(ValueError, match=f"^{name}: "):
        message_from_mapping({name: value})
