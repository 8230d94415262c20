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
from housing.v1.prediction_service_pb2 import BatchPredictRequest
from housing_server.core.rows import CheckedRows, read_batch, read_row, read_rows

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


def of_a_later_contract(message: BlockGroup) -> BlockGroup:
    """A block group with a field that this contract does not know."""
    return BlockGroup.FromString(message.SerializeToString() + bytes([15 << 3 | 2, 3]) + b"abc")


SPECIAL_BLOCK_GROUP = ANY_BLOCK_GROUP.map(of_a_later_contract) | st.just(BlockGroup(ocean_proximity="x" * 100))


def facts(rows: CheckedRows) -> list[Any]:
    """Everything that is known of rows, comparable bit by bit."""
    return [rows.rows.tobytes(), rows.absent.tolist(), rows.good.tolist()]


@given(
    st.lists(ANY_BLOCK_GROUP | GOOD_BLOCK_GROUP, min_size=1, max_size=8),
    st.lists(SPECIAL_BLOCK_GROUP, max_size=1),
    st.sampled_from([b"", bytes([2 << 3, 1]), bytes([15 << 3, 7])]),
)
def test_rows_of_a_batch_are_read_from_its_encoding_as_from_its_messages(
    messages: list[BlockGroup], special: list[BlockGroup], further: bytes
) -> None:
    """With missing fields, special numbers, unknown texts and fields of a later contract, in any batch of some size."""
    rows = [*messages * 20, *special]
    request = BatchPredictRequest(block_groups=rows)
    request.MergeFromString(further)
    assert facts(read_batch(request)) == facts(read_rows(rows))
