"""Bad block groups of a batch, refused by what is known of each fault."""

import numpy as np
from google.rpc.status_pb2 import Status
from hypothesis import given
from hypothesis import strategies as st

from housing.v1.block_group_pb2 import BlockGroup
from housing.v1.prediction_service_pb2 import BatchPredictRequest
from housing_server.core.refusals import RowRefusals
from housing_server.core.rows import read_rows
from housing_server.core.status import status_from_error
from housing_server.core.validation import MAX_VIOLATIONS, RequestValidator
from housing_server.errors import FieldViolation, InvalidRequest
from unit.server.core.test_rows import ANY_BLOCK_GROUP, GOOD_BLOCK_GROUP

VALIDATOR = RequestValidator()
REFUSALS = RowRefusals()


def violations(block_group: BlockGroup, index: int) -> list[FieldViolation]:
    """What protovalidate says of a block group in a batch."""
    return list(VALIDATOR.violations(block_group, f"block_groups[{index}]"))


@given(st.lists(ANY_BLOCK_GROUP, min_size=1, max_size=12))
def test_each_bad_row_is_refused_as_protovalidate_words_it(messages: list[BlockGroup]) -> None:
    """The same fields, rules and words, in the same order, at its place in the batch."""
    statuses, kinds = REFUSALS.each(read_rows(messages))
    expected = {index: found for index, each in enumerate(messages) if (found := violations(each, index))}
    assert statuses.keys() == expected.keys()
    for index, found in expected.items():
        assert Status.FromString(statuses[index]) == status_from_error(InvalidRequest(found))
    assert sum(count for _, count in kinds) == len(expected)


@given(st.lists(ANY_BLOCK_GROUP | GOOD_BLOCK_GROUP, min_size=1, max_size=12))
def test_batch_is_refused_for_its_first_violations(messages: list[BlockGroup]) -> None:
    """As protovalidate would, had it looked at every row."""
    found = list(VALIDATOR.violations(BatchPredictRequest(block_groups=messages)))
    if found:
        error = REFUSALS.first(read_rows(messages))
        assert str(error) == str(InvalidRequest(found[:MAX_VIOLATIONS], more=len(found) > MAX_VIOLATIONS))
        assert list(error.violations) == found[:MAX_VIOLATIONS]


def test_paths_are_right_whatever_the_number_of_digits() -> None:
    """One wording serves all rows with the same faults."""
    statuses, kinds = REFUSALS.each(read_rows([BlockGroup()] * 10_000))
    for index in (0, 9, 10, 99, 100, 4_321, 9_999):
        expected = status_from_error(InvalidRequest(violations(BlockGroup(), index)))
        assert Status.FromString(statuses[index]) == expected
    assert [count for _, count in kinds] == [10_000]


def test_rows_of_every_fault_are_told_apart() -> None:
    """Good rows have none."""
    checked = read_rows([BlockGroup(), BlockGroup(latitude=50)])
    faults = checked.faults(np.arange(2))
    assert faults.sum(axis=1).tolist() == [7, 7]
    assert (faults[0] != faults[1]).sum() == 2
