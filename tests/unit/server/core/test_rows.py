"""The fast form of the rules: the same verdict as protovalidate's, the same rows as the contract's."""

import math
from typing import Any

import numpy as np
import protovalidate
import pytest
from google.protobuf.message import DecodeError
from hypothesis import given
from hypothesis import strategies as st

from housing.features import FEATURES, Feature
from housing.rows import row_from_message
from housing.v1.block_group_pb2 import BlockGroup
from housing.v1.prediction_service_pb2 import BatchPredictRequest
from housing_server.core.batches import Batch
from housing_server.core.packed_rows import find_rows
from housing_server.core.rows import CheckedRows, read_row, read_rows

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


def facts_of_batch(data: bytes) -> list[Any] | None:
    """What is read from an encoded batch; None if it is malformed."""
    try:
        batch = Batch.of(data, BatchPredictRequest.FromString)
        return [batch.count, batch.partial_results, *facts(batch.read())]
    except DecodeError:
        return None


def facts_of_message(data: bytes) -> list[Any] | None:
    """The same, by way of a message."""
    try:
        request = BatchPredictRequest.FromString(data)
    except DecodeError:
        return None
    return [len(request.block_groups), request.partial_results, *facts(read_rows(request.block_groups))]


BATCH = st.builds(
    lambda messages, special, further: (
        BatchPredictRequest(block_groups=[*messages * 20, *special]).SerializeToString() + further
    ),
    st.lists(ANY_BLOCK_GROUP | GOOD_BLOCK_GROUP, min_size=1, max_size=8),
    st.lists(SPECIAL_BLOCK_GROUP, max_size=1),
    st.sampled_from([b"", bytes([2 << 3, 1]), bytes([2 << 3, 0]), bytes([15 << 3, 7])]),
)


@given(BATCH)
def test_rows_of_a_batch_are_read_from_its_encoding_as_from_its_messages(data: bytes) -> None:
    """With missing fields, special numbers, unknown texts and fields of a later contract, in any batch of some size."""
    assert facts_of_batch(data) == facts_of_message(data)


@given(BATCH, st.integers(min_value=0), st.binary(max_size=2), st.integers(min_value=0, max_value=2))
def test_damaged_batch_is_read_as_its_message_would_be(data: bytes, where: int, instead: bytes, cut: int) -> None:
    """With bytes replaced, added or missing anywhere, what the parser accepts is read alike, and the rest refused."""
    position = where % (len(data) + 1)
    damaged = data[:position] + instead + data[position + cut :]
    assert facts_of_batch(damaged) == facts_of_message(damaged)


def test_batch_in_which_no_list_of_rows_is_found_is_left_to_the_parser() -> None:
    """Ten thousand rows are found, and what ends within a row or has one more is not."""
    one = BatchPredictRequest(block_groups=[block_group({"median_income": 5.0})]).SerializeToString()
    found = find_rows(one * 10_000)
    assert found is not None
    assert len(found.starts) == 10_000
    assert [find_rows(data) for data in (one * 10_001, one[:-1], one[:1], b"", one + b"\x10\x01\x10\x01")] == [None] * 5
