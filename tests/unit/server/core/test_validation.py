"""The contract's rules applied to requests."""

from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from housing.features import FEATURES, Feature
from housing.rows import message_from_mapping
from housing.v1.block_group_pb2 import BlockGroup
from housing.v1.prediction_log_service_pb2 import GetPredictionStatsRequest
from housing.v1.prediction_service_pb2 import BatchPredictRequest, PredictRequest
from housing_server.core.validation import RequestValidator
from housing_server.errors import FieldViolation, InvalidRequest

NUMBERS = [feature for feature in FEATURES if not feature.choices]
VALIDATOR = RequestValidator()


def valid_block_group() -> BlockGroup:
    """A block group whose every number is halfway between its bounds."""
    middles = {feature.name: (feature.minimum or 0) / 2 + (feature.maximum or 0) / 2 for feature in NUMBERS}
    return message_from_mapping(middles)


def violations(request: PredictRequest | BatchPredictRequest) -> list[tuple[str, str]]:
    """The fields and rules that a request breaks."""
    try:
        VALIDATOR.check(request)
    except InvalidRequest as error:
        return [(violation.field, violation.rule) for violation in error.violations]
    return []


@given(st.sampled_from(NUMBERS), st.floats(allow_nan=True, allow_infinity=True))
def test_number_is_accepted_exactly_when_it_is_in_range(feature: Feature, value: float) -> None:
    """NaN and infinities are in no range."""
    assert feature.minimum is not None
    assert feature.maximum is not None
    request = PredictRequest(block_group=valid_block_group())
    setattr(request.block_group, feature.name, value)
    broken = [name for name, rule in violations(request) if rule == "double.gte_lte"]
    in_range = feature.minimum <= value <= feature.maximum
    assert broken == ([] if in_range else [f"block_group.{feature.name}"])


def bounds() -> Iterator[tuple[str, float]]:
    """Each field at each of its bounds."""
    for feature in NUMBERS:
        for bound in (feature.minimum, feature.maximum):
            assert bound is not None
            yield feature.name, bound


@pytest.mark.parametrize(("name", "bound"), list(bounds()))
def test_bound_itself_is_accepted(name: str, bound: float) -> None:
    """Ranges are inclusive."""
    request = PredictRequest(block_group=valid_block_group())
    request.block_group.ClearField("total_bedrooms")
    setattr(request.block_group, name, bound)
    if name == "total_bedrooms":
        request.block_group.total_rooms = 100_000
    assert violations(request) == []


@pytest.mark.parametrize("feature", FEATURES, ids=lambda feature: feature.name)
def test_field_may_be_missing_only_if_the_contract_says_so(feature: Feature) -> None:
    """A required field that is unset is an error, and zero is a value."""
    request = PredictRequest(block_group=valid_block_group())
    request.block_group.ClearField(feature.name)  # type: ignore[arg-type]  # any field, by name
    expected = [(f"block_group.{feature.name}", "required")] if feature.required else []
    assert violations(request) == expected


def test_zero_is_a_value() -> None:
    """A field whose range holds zero may be zero."""
    request = PredictRequest(block_group=valid_block_group())
    request.block_group.housing_median_age = 0
    request.block_group.median_income = 0
    assert violations(request) == []


def test_rule_about_two_fields_names_one() -> None:
    """More bedrooms than rooms is reported on the bedrooms, with the row's index in a batch."""
    bad = valid_block_group()
    bad.total_rooms = bad.total_bedrooms - 1
    rule = "total_bedrooms.lte_total_rooms"
    assert violations(PredictRequest(block_group=bad)) == [("block_group.total_bedrooms", rule)]
    batch = BatchPredictRequest(block_groups=[valid_block_group(), bad])
    assert violations(batch) == [("block_groups[1].total_bedrooms", rule)]


def test_unknown_value_of_an_enum_is_refused_with_those_that_there_are() -> None:
    """Whoever sends a number of their own finds out which names to use."""
    with pytest.raises(InvalidRequest) as raised:
        VALIDATOR.check(GetPredictionStatsRequest(period=7))  # type: ignore[arg-type]  # no such value
    (violation,) = raised.value.violations
    assert (violation.field, violation.rule) == ("period", "enum.defined_only")
    values = "STATS_PERIOD_UNSPECIFIED, STATS_PERIOD_HOUR, STATS_PERIOD_DAY"
    assert violation.description == f"must be one of {values}"


@pytest.mark.parametrize("seconds", [-62_132_918_401, -(2**63), 2**63 - 1])
def test_time_that_no_rule_can_reckon_with_is_refused_as_out_of_range(seconds: int) -> None:
    """Rules about two times cannot be computed then, which is no fault of the service."""
    request = GetPredictionStatsRequest()
    request.start_time.seconds = seconds
    with pytest.raises(InvalidRequest) as raised:
        VALIDATOR.check(request)
    assert "start_time" in {violation.field for violation in raised.value.violations}
    request.end_time.seconds, request.start_time.seconds = seconds, 0
    with pytest.raises(InvalidRequest) as raised:
        VALIDATOR.check(request)
    assert "end_time" in {violation.field for violation in raised.value.violations}


def test_message_names_the_first_field_and_counts_the_others() -> None:
    """The text is for people: what is wrong, where, and how much more."""
    violation = FieldViolation(field="block_group.latitude", rule="required", description="value is required")
    assert str(InvalidRequest([violation])) == "block_group.latitude: value is required"
    assert str(InvalidRequest([violation] * 3)) == "block_group.latitude: value is required (and 2 more)"
