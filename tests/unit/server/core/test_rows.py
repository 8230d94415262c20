"""The fast form of the rules: the same verdict as protovalidate's, the same rows as the contract's."""

import math
from typing import Any

import numpy as np
import protovalidate
import pytest
from hypothesis import given
from hypothesis import strategies as st

from housing.features import FEATURES, Feature
from housing.rows import row_from_message
from housing.v1.block_group_pb2 import BlockGroup
from housing_server.core.rows import read_row, read_rows

VALIDATOR = protovalidate.Validator()


def any_value(feature: Feature) -> st.SearchStrategy[Any]:
    """Values of a field, good, bad, on the edge, and None for a field that is left out."""
    if feature.choices:
        return st.sampled_from([*feature.choices, "", "inland", "LAKE", None])
    assert feature.minimum is not None
    assert feature.maximum is not None
    edges = [feature.minimum, feature.maximum]
    edges += [math.nextafter(feature.minimum, -math.inf), math.nextafter(feature.maximum, math.inf)]
    special = st.sampled_from([*edges, 0.0, -0.0, math.nan, math.inf, -math.inf, 5e-324, None])
    return st.floats(feature.minimum, feature.maximum) | special


def block_group(values: dict[str, Any]) -> BlockGroup:
    """A block group with the values that are not None."""
    return BlockGroup(**{name: value for name, value in values.items() if value is not None})


ANY_BLOCK_GROUP = st.fixed_dictionaries({feature.name: any_value(feature) for feature in FEATURES}).map(block_group)
GOOD_BLOCK_GROUP = st.fixed_dictionaries(
    {
        feature.name: st.sampled_from(feature.choices)
        if feature.choices
        else st.floats(feature.minimum, feature.maximum)
        for feature in FEATURES
    }
).map(block_group)


def is_good(message: BlockGroup) -> bool:
    """What protovalidate says."""
    return not VALIDATOR.collect_violations(message)


@given(ANY_BLOCK_GROUP | GOOD_BLOCK_GROUP)
def test_one_row_is_judged_as_protovalidate_judges_it(message: BlockGroup) -> None:
    """Good if and only if the annotations say so; and then the row is the contract's."""
    row = read_row(message)
    assert (row is not None) == is_good(message)
    if row is not None:
        assert row == pytest.approx(row_from_message(message), abs=0, rel=0, nan_ok=True)


@given(st.lists(ANY_BLOCK_GROUP | GOOD_BLOCK_GROUP, min_size=1, max_size=20))
def test_many_rows_are_judged_as_one_by_one(messages: list[BlockGroup]) -> None:
    """The vectorised form agrees on every row, and reads the good ones alike."""
    checked = read_rows(messages)
    singles = [read_row(message) for message in messages]
    assert checked.good.tolist() == [single is not None for single in singles]
    expected = np.array([single for single in singles if single is not None]).reshape(-1, len(FEATURES))
    np.testing.assert_array_equal(checked.rows[checked.good], expected)
