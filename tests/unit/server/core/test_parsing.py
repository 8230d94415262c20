"""Requests whose lists are too long: what is parsed of them."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from housing.example import BERKELEY
from housing.rows import message_from_mapping
from housing.rules import BATCH_SIZES
from housing.v1.outcome_service_pb2 import RecordOutcomesRequest
from housing.v1.prediction_service_pb2 import BatchPredictRequest, PredictRequest
from housing_server.core import parsing
from housing_server.core.parsing import request_parser

MOST = BATCH_SIZES[-1]
EMPTY_ITEM = b"\x0a\x00"
PARSE_BATCH = request_parser(BatchPredictRequest)


@pytest.mark.parametrize("kind", [BatchPredictRequest, RecordOutcomesRequest])
@pytest.mark.parametrize(
    "item",
    [
        EMPTY_ITEM,
        b"\x8a\x00\x00",  # the same key, in two bytes
        b"\x8a\x80\x80\x00\x00",
        b"\x0b\x0c\x0a\x00",  # a group of an unknown field before it
    ],
    ids=["plain", "long key", "longer key", "group"],
)
def test_list_thatis_too_long_is_parsed_no_further_than_it_takes_to_refuse_it(
    kind: type[BatchPredictRequest] | type[RecordOutcomesRequest], item: bytes
) -> None:
    """However its items are written."""
    parsed = request_parser(kind)(item * 1_000_000)
    assert [len(items) for _, items in parsed.ListFields()] == [MOST + 1]


def test_longest_legal_list_is_parsed_whole() -> None:
    """With what follows it, and whatever bytes its items hold."""
    block_group = message_from_mapping({**BERKELEY, "longitude": -114.5393447876, "population": 10.0})
    request = BatchPredictRequest(block_groups=[block_group] * MOST, partial_results=True)
    assert PARSE_BATCH(request.SerializeToString()) == request
    assert len(PARSE_BATCH(EMPTY_ITEM * MOST + b"\x10\x01").block_groups) == MOST


def test_items_of_a_group_are_not_those_of_the_list() -> None:
    """A group is an unknown field, whatever is in it."""
    data = b"\x1b" + EMPTY_ITEM * (MOST // 2) + b"\x1c" + EMPTY_ITEM * (MOST // 2 + 1)
    assert len(PARSE_BATCH(data).block_groups) == MOST // 2 + 1


def test_message_of_very_many_unknown_fields_is_refused_like_a_list() -> None:
    """Looking through them all would take the event loop too long."""
    assert len(PARSE_BATCH(b"\x18\x0a" * 1_000_000).block_groups) == MOST + 1


def test_request_without_a_list_needs_no_look() -> None:
    """Its own parser is used."""
    assert request_parser(PredictRequest)(b"\x0a\x00") == PredictRequest.FromString(b"\x0a\x00")


@given(
    st.lists(
        st.sampled_from([EMPTY_ITEM, b"\x8a\x00\x02\x0a\x00", b"\x10\x01", b"\x1b\x0a\x00\x1c", b"\x19" + b"\n" * 8])
    )
)
def test_counting_agrees_with_the_parser(parts: list[bytes]) -> None:
    """A list is too long exactly when the parser finds more items."""
    data = b"".join(parts)
    count = len(BatchPredictRequest.FromString(data).block_groups)
    for limit in (count - 1, count, count + 1):
        if 2 * limit > len(parts) * 3 > 0:
            assert parsing.is_too_long(data, 0x0A, limit) == (count > limit)


@given(st.binary(max_size=200))
def test_looking_through_damaged_messages_ends(data: bytes) -> None:
    """It finds too many or leaves them to the parser."""
    assert parsing.is_too_long(data, 0x0A, 5) in {True, False}
    assert math.isfinite(len(data))
