"""The strict reader of JSON bodies: what is exactly JSON and exactly the message passes, all else names its place."""

import json
from typing import Any

import pytest
from google.protobuf.message import Message
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from housing.example import BERKELEY
from housing.features import FEATURES
from housing.services import SERVICES
from housing.v1.block_group_pb2 import BlockGroup
from housing.v1.model_profile_pb2 import ModelProfile
from housing.v1.outcome_service_pb2 import RecordOutcomesRequest, RecordOutcomesResponse, TruePrice
from housing.v1.prediction_service_pb2 import BatchPredictRequest
from housing_server.gateway.json_schema import bodies_by_route, body_of
from strict_json import Refusal, StrictReader, damaged_bodies, read_strictly, spellings

BATCH, SINGLE, OUTCOMES = "POST /api/predict/batch", "POST /api/predict", "POST /api/outcomes"
PROFILE, RESULTS = "profile", "results"  # messages with whole numbers and enums, which no body has today
READER = StrictReader(
    bodies_by_route(SERVICES)
    | {PROFILE: body_of(ModelProfile.DESCRIPTOR, "*"), RESULTS: body_of(RecordOutcomesResponse.DESCRIPTOR, "*")}
)
ROW = json.dumps(dict(BERKELEY))
NUMBER = "must be a number"
NO_VALUE = "a JSON value is expected"
UNHURRIED = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
"""The first text that is drawn takes a second."""


def batch(row: str) -> str:
    """A batch whose second row is given as text."""
    return f'{{"block_groups": [{ROW}, {row}, {ROW}]}}'


def refused(body: str | bytes, route: str = BATCH) -> Refusal:
    """Why a body is refused, which it must be."""
    refusal = READER.refusal(route, body)
    assert refusal is not None
    return refusal


@pytest.mark.parametrize(
    ("row", "field", "rule", "description"),
    [
        ("null", "", "type", "must be an object, not null"),
        ("[]", "", "type", "must be an object"),
        ("[{}]", "", "type", "must be an object"),
        ("1", "", "type", "must be an object"),
        ('"{}"', "", "type", "must be an object"),
        ("undefined", "", "syntax", NO_VALUE),
        ("", "", "syntax", NO_VALUE),
        ('{"longitude": "-122.2"}', ".longitude", "type", NUMBER),
        ('{"longitude": "NaN"}', ".longitude", "type", NUMBER),
        ('{"longitude": "Infinity"}', ".longitude", "type", NUMBER),
        ('{"longitude": ""}', ".longitude", "type", NUMBER),
        ('{"longitude": true}', ".longitude", "type", NUMBER),
        ('{"longitude": [1]}', ".longitude", "type", NUMBER),
        ('{"longitude": {}}', ".longitude", "type", NUMBER),
        ('{"longitude": NaN}', ".longitude", "syntax", "NaN and Infinity are not JSON"),
        ('{"longitude": -Infinity}', ".longitude", "syntax", "NaN and Infinity are not JSON"),
        ('{"longitude": 1e999}', ".longitude", "number", "must be within the range of a double"),
        ('{"longitude": -1E+999999999}', ".longitude", "number", "must be within the range of a double"),
        ('{"longitude": 1e-999999999999999999999}', ".longitude", "number", "must be within the range of a double"),
        (f'{{"longitude": {"1" * 101}}}', ".longitude", "number", "at most 100 characters"),
        ('{"longitude": 01}', ".longitude", "syntax", "no leading zeros"),
        ('{"longitude": -01}', ".longitude", "syntax", "no leading zeros"),
        ('{"longitude": +1}', ".longitude", "syntax", "no leading plus sign"),
        ('{"longitude": .5}', ".longitude", "syntax", "begin with a digit"),
        ('{"longitude": 1.}', ".longitude", "syntax", "a digit is expected"),
        ('{"longitude": 1e}', ".longitude", "syntax", "a digit is expected"),
        ('{"longitude": 0x1}', "", "syntax", "a comma or `}` is expected"),
        ('{"longitude": 1_000}', "", "syntax", "a comma or `}` is expected"),
        ('{"longitude": 452,600}', "", "syntax", "a name in double quotes is expected"),
        ('{"longitude": -}', ".longitude", "syntax", NO_VALUE),
        ('{"longitude": None}', ".longitude", "syntax", NO_VALUE),
        ('{"longitude": True}', ".longitude", "syntax", NO_VALUE),
        ('{"longitude": nullnull}', "", "syntax", "a comma or `}` is expected"),
        ('{"longitude": }', ".longitude", "syntax", NO_VALUE),
        ('{"longitude"}', ".longitude", "syntax", "a colon is expected"),
        ('{"longitude" = 1}', ".longitude", "syntax", "a colon is expected"),
        ('{"longitude": 1,}', "", "syntax", "no trailing comma is allowed before `}`"),
        ('{"longitude": 1,,"latitude": 2}', "", "syntax", "a name in double quotes is expected"),
        ('{"longitude": 1 "latitude": 2}', "", "syntax", "a comma or `}` is expected"),
        ("{longitude: 1}", "", "syntax", "a name in double quotes is expected"),
        ("{'longitude': 1}", "", "syntax", "quotes are double quotes"),
        ("{\"ocean_proximity\": 'INLAND'}", ".ocean_proximity", "syntax", "quotes are double quotes"),
        ('{"longitude": 1 /* east */}', "", "syntax", "comments are not JSON"),
        ('{// none\n"longitude": 1}', "", "syntax", "comments are not JSON"),
        ('{"longitude": 1 # east\n}', "", "syntax", "comments are not JSON"),
        ('{"longitude": 1, "longitude": 1}', ".longitude", "duplicate_field", "is given twice"),
        ('{"longitude": 1, "longitude": null}', ".longitude", "duplicate_field", "is given twice"),
        ('{"longitude": 1, "long\\u0069tude": 2}', ".longitude", "duplicate_field", "is given twice"),
        ('{"total_rooms": 1, "totalRooms": 2}', ".total_rooms", "duplicate_field", "is given twice"),
        ('{"total_bedroms": 1}', "", "unknown_field", "did you mean `total_bedrooms`?"),
        ('{"totalBedroom": 1}', "", "unknown_field", "did you mean `total_bedrooms`?"),
        ('{"Total Bedrooms": 1}', "", "unknown_field", "did you mean `total_bedrooms`?"),
        ('{"lattitude": 1}', "", "unknown_field", "did you mean `latitude`?"),
        ('{"price": 1}', "", "unknown_field", "its fields are longitude, latitude, housing_median_age"),
        ('{"": 1}', "", "unknown_field", "its fields are longitude"),
        ('{"\\u00e9\\ud83d\\ude00": 1}', "", "unknown_field", "its fields are longitude"),
        (f'{{"{"x" * 100_000}": 1}}', "", "unknown_field", "its fields are longitude"),
        ('{"ocean_proximity": 5}', ".ocean_proximity", "type", "must be a string"),
        ('{"ocean_proximity": INLAND}', ".ocean_proximity", "syntax", NO_VALUE),
        ('{"ocean_proximity": "\\x41"}', ".ocean_proximity", "syntax", "unknown escape"),
        ('{"ocean_proximity": "\\u12"}', ".ocean_proximity", "syntax", "unknown escape"),
        ('{"ocean_proximity": "a\nb"}', ".ocean_proximity", "syntax", "control characters"),
        ('{"ocean_proximity": "a\0b"}', ".ocean_proximity", "syntax", "control characters"),
        ('{"ocean_proximity": "\\ud800"}', ".ocean_proximity", "encoding", "surrogate"),
        ('{"ocean_proximity": "\\udc00\\ud800"}', ".ocean_proximity", "encoding", "surrogate"),
        ('{"ocean_proximity": "\\ud800\\u0041"}', ".ocean_proximity", "encoding", "surrogate"),
    ],
)
def test_row_at_fault_is_refused_with_its_path(row: str, field: str, rule: str, description: str) -> None:
    """Whatever JSON readers drop, bend or disagree about is refused where it stands, in the middle of good rows."""
    refusal = refused(batch(row))
    assert (refusal.field, refusal.rule) == (f"block_groups[1]{field}", f"json.{rule}")
    assert description in refusal.description
    assert refusal.reason == ("INVALID_JSON" if rule in {"syntax", "encoding"} else "INVALID_REQUEST")


@pytest.mark.parametrize(
    ("body", "field", "rule", "description"),
    [
        ("", "", "syntax", "must be a JSON object, and is empty"),
        (" \n\t\r", "", "syntax", "must be a JSON object, and is empty"),
        ("null", "", "type", "must be an object, not null"),
        ("[]", "", "type", "must be an object"),
        (f"[{ROW}]", "", "type", "must be an object"),
        ("hello", "", "syntax", NO_VALUE),
        ("{", "", "syntax", "the document ends too early"),
        ('{"block_groups": [', "block_groups[0]", "syntax", "the document ends too early"),
        ('{"block_groups": [{}', "block_groups", "syntax", "the document ends too early"),
        ('{"block_groups": []', "", "syntax", "the document ends too early"),
        ('{"block_groups', "", "syntax", "the document ends too early"),
        ('{"block_groups": []}}', "", "syntax", "nothing may follow"),
        ('{"block_groups": []} {"block_groups": []}', "", "syntax", "nothing may follow"),
        ('{"block_groups": []}\0', "", "syntax", "nothing may follow"),
        ('{"block_groups": []} // none', "", "syntax", "nothing may follow"),
        ('{"block_groups": [{},]}', "block_groups", "syntax", "no trailing comma is allowed before `]`"),
        ('{"block_groups": [,{}]}', "block_groups[0]", "syntax", NO_VALUE),
        ('{"block_groups": [{} {}]}', "block_groups", "syntax", "a comma or `]` is expected"),
        ('{"block_groups": [[{}]]}', "block_groups[0]", "type", "must be an object"),
        ('{"block_groups": {}}', "block_groups", "type", "must be an array"),
        (f'{{"block_groups": {ROW}}}', "block_groups", "type", "must be an array"),
        ('{"block_groups": {"0": {}}}', "block_groups", "type", "must be an array"),
        ('{"block_groups": "[]"}', "block_groups", "type", "must be an array"),
        ('{"block_groups": [], "blockGroups": []}', "block_groups", "duplicate_field", "is given twice"),
        ('{"block_groups": [], "partial_results": "yes"}', "partial_results", "type", "must be true or false"),
        ('{"block_groups": [], "partial_results": "true"}', "partial_results", "type", "must be true or false"),
        ('{"block_groups": [], "partial_results": 1}', "partial_results", "type", "must be true or false"),
        ('{"block_groups": [], "partial_results": True}', "partial_results", "syntax", NO_VALUE),
        ('{"block_groups": [], "partial_results": truer}', "", "syntax", "a comma or `}` is expected"),
        ('{"block_groups": [], "partial": true}', "", "unknown_field", "its fields are block_groups, partial_results"),
        ('{"block_group": []}', "", "unknown_field", "did you mean `block_groups`?"),
        (ROW, "", "unknown_field", "its fields are block_groups, partial_results"),
        (b"\xef\xbb\xbf{}", "", "encoding", "byte-order mark"),
        ('{"block_groups": []}'.encode("utf-16"), "", "syntax", NO_VALUE),
        (b'{"block_groups": [], "\xff": 1}', "", "encoding", "must be UTF-8"),
        ("[" * 100_000, "", "type", "must be an object"),
        ('{"block_groups":' + "[" * 100_000, "block_groups[0]", "type", "must be an object"),
        ('{"block_groups":[' + '{"longitude":' * 100_000, "block_groups[0].longitude", "type", NUMBER),
    ],
)
def test_document_at_fault_is_refused(body: str | bytes, field: str, rule: str, description: str) -> None:
    """What is wrong with the document as a whole is named, and lies no deeper than the contract goes."""
    refusal = refused(body)
    assert (refusal.field, refusal.rule) == (field, f"json.{rule}")
    assert description in refusal.description


@pytest.mark.parametrize(
    "sequence",
    [
        b"\x80",
        b"\xc1\xbf",
        b"\xc3(",
        b"\xe0\x9f\xbf",
        b"\xed\xa0\x80",
        b"\xe2\x82",
        b"\xf0\x8f\xbf\xbf",
        b"\xf4\x90\x80\x80",
        b"\xff",
    ],
    ids=lambda sequence: sequence.hex(),
)
def test_malformed_utf8_is_refused(sequence: bytes) -> None:
    """Stray, overlong, surrogate and too large sequences are no text."""
    refusal = refused(b'{"ocean_proximity": "' + sequence + b'"}', SINGLE)
    assert (refusal.field, refusal.rule) == ("ocean_proximity", "json.encoding")


@pytest.mark.parametrize(
    "character", ["\x7f", "\x80", "߿", "ࠀ", "\ud7ff", "\ue000", "\uffff", "\U00010000", "\U0010ffff"], ids=ascii
)
def test_wellformed_utf8_is_accepted(character: str) -> None:
    """The first and last characters of each length pass, escaped or not: the server judges what they mean."""
    for escaped in (True, False):
        assert READER.refusal(SINGLE, json.dumps({"ocean_proximity": character}, ensure_ascii=escaped)) is None


def test_place_of_a_syntax_error_counts_lines_and_characters() -> None:
    """Line and column lead to the fault, in characters, however many bytes these take."""
    refusal = refused('{\n  "ocean_proximity": "é😀" "x"\n}', SINGLE)
    assert refusal.description == "a comma or `}` is expected, at line 2, column 27"


def test_body_that_is_a_field_does_not_name_it_again() -> None:
    """A block group wrapped in the name it has over gRPC is met with what to do."""
    refusal = refused(f'{{"block_group": {ROW}}}', SINGLE)
    assert (refusal.field, refusal.rule) == ("", "json.unknown_field")
    assert refusal.description == "must be the content of `block_group`, without that name around it"


@pytest.mark.parametrize(
    ("value", "rule"),
    [("1.5", "number"), ("-1", "number"), ("4294967296", "number"), ('"1"', "type"), ("1e400", "number")],
)
def test_whole_number_out_of_its_range_is_refused(value: str, rule: str) -> None:
    """A field that counts takes what it can hold."""
    refusal = refused(f'{{"inputs": [{{"counts": [0, {value}]}}]}}', PROFILE)
    assert (refusal.field, refusal.rule) == ("inputs[0].counts[1]", f"json.{rule}")


@pytest.mark.parametrize("value", ["0", "1.0", "1e3", "4294967295", "-0"])
def test_whole_number_may_be_spelt_as_json_allows(value: str) -> None:
    """Whether a number is whole is a matter of its value."""
    assert READER.refusal(PROFILE, f'{{"inputs": [{{"counts": [{value}]}}]}}') is None


@pytest.mark.parametrize("value", ['"LATE"', '""', "1", "[]"])
def test_enum_that_is_not_one_of_its_names_is_refused(value: str) -> None:
    """The names are listed."""
    refusal = refused(f'{{"outcomes": [{{"result": {value}}}]}}', RESULTS)
    assert (refusal.field, refusal.rule) == ("outcomes[0].result", "json.type")
    assert "OUTCOME_RESULT_LATE" in refusal.description


@pytest.mark.parametrize(
    "body",
    [
        '{"block_groups": null}',
        '{"block_groups": [], "partial_results": null}',
        '{"block_groups": [{}]}',
        '{"block_groups": [{"total_bedrooms": null, "longitude": null}]}',
        '\t{\r\n"blockGroups" :[ { "housingMedianAge" : -0.5E-3 } ] , "partialResults": true }\n',
        f'{{"block_groups": [{{"longitude": {"1" * 100}}}]}}',
    ],
)
def test_all_that_proto3_allows_is_accepted(body: str) -> None:
    """Null for a field leaves it unset, names may be camelCase, white space is free."""
    assert READER.refusal(BATCH, body) is None


def test_nothing_of_the_body_is_repeated() -> None:
    """Whatever is refused, the caller's own words are not in the answer."""
    for row in ('{"secret": 1}', '{"longitude": "secret"}', "secret", '{"longitude": secret}', '"secret'):
        assert "secret" not in repr(refused(batch(row)))


def test_a_refused_body_leaves_nothing_behind() -> None:
    """The next body is read from a clean state."""
    assert refused('{"block_groups": [{"longitude": 1, "latitude": x}]}').field == "block_groups[0].latitude"
    assert READER.refusal(BATCH, batch('{"longitude": 1, "latitude": 2}')) is None
    assert refused("x").field == ""


def whole_batches() -> st.SearchStrategy[Message]:
    """Batches of any numbers, in range or not."""
    value: dict[str, st.SearchStrategy[Any]] = {
        feature.name: st.none() | (st.text() if feature.choices else finite()) for feature in FEATURES
    }
    rows = st.fixed_dictionaries(value).map(lambda values: BlockGroup(**values))
    return st.builds(BatchPredictRequest, block_groups=st.lists(rows, max_size=4), partial_results=st.booleans())


def finite() -> st.SearchStrategy[float]:
    """Numbers that JSON can hold."""
    return st.floats(allow_nan=False, allow_infinity=False) | st.sampled_from([0.0, -122.25, 1e-300, 1e22])


def outcomes() -> st.SearchStrategy[Message]:
    """True prices of any ids."""
    price = st.builds(TruePrice, prediction_id=st.text(), median_house_value=st.none() | finite())
    return st.builds(RecordOutcomesRequest, outcomes=st.lists(price, max_size=4))


@UNHURRIED
@given(spellings(whole_batches()))
def test_every_batch_is_accepted_in_every_spelling(body: bytes) -> None:
    """What Protobuf writes as JSON passes."""
    assert READER.refusal(BATCH, body) is None


@UNHURRIED
@given(spellings(outcomes()))
def test_every_list_of_outcomes_is_accepted_in_every_spelling(body: bytes) -> None:
    """What Protobuf writes as JSON passes."""
    assert READER.refusal(OUTCOMES, body) is None


def accepts(body: bytes, kind: type[Message]) -> bool:
    """Whether Python's strict reading accepts a body."""
    try:
        read_strictly(body, kind())
    except ValueError:
        return False
    return True


@settings(max_examples=1000, deadline=None)
@given(damaged_bodies("/api/predict/batch"))
@example(b'{"block_groups": [{}, null, {}]}')
def test_what_is_accepted_is_json_of_the_message(body: bytes) -> None:
    """A damaged body is refused, unless Python's strict readers find the message in it too."""
    assert READER.refusal(BATCH, body) is not None or accepts(body, BatchPredictRequest)


def json_values() -> st.SearchStrategy[Any]:
    """Any JSON at all, with some of the contract's names."""
    names = st.sampled_from(["block_groups", "blockGroups", "partial_results", "longitude", "total_rooms", "x"])
    scalars = st.none() | st.booleans() | finite() | st.text(max_size=3) | st.sampled_from(["NaN", "1", "true"])
    return st.recursive(scalars, lambda some: st.lists(some, max_size=3) | st.dictionaries(names, some, max_size=4))


@UNHURRIED
@given(json_values())
def test_other_json_is_refused_unless_it_is_the_message(value: Any) -> None:
    """Well-formed JSON of another shape is refused, unless Python's strict readers find the message in it too."""
    body = json.dumps(value).encode()
    assert READER.refusal(BATCH, body) is not None or accepts(body, BatchPredictRequest)
