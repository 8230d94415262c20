"""Page tokens: opaque, and only good for the listing that they were given for."""

from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from housing.v1.prediction_log_service_pb2 import BoundingBox, ListPredictionsRequest
from housing_server.errors import InvalidRequest
from housing_server.prediction_log.page_tokens import position_from_token, token_from_position
from housing_server.prediction_log.tables import Position

PLACE = Position(1_772_323_200_000_001, "019caefa-2400-7000-8000-000000000001")
MAX_TOKEN_LENGTH = 200


@given(st.integers(min_value=0, max_value=2**63 - 1), st.uuids())
def test_token_leads_back_to_its_position(predicted_at_us: int, prediction_id: UUID) -> None:
    """Whatever the time and the id, and in a form that goes into a URL as it is."""
    position, request = Position(predicted_at_us, str(prediction_id)), ListPredictionsRequest()
    request.page_token = token_from_position(position, request)
    assert position_from_token(request) == position
    assert request.page_token.replace("-", "").replace("_", "").isalnum()
    assert len(request.page_token) <= MAX_TOKEN_LENGTH


def test_first_page_has_no_position() -> None:
    """No token, no place to go on at."""
    assert position_from_token(ListPredictionsRequest(model_version="3")) is None


def test_size_of_the_page_may_change_on_the_way() -> None:
    """It is no filter."""
    token = token_from_position(PLACE, ListPredictionsRequest(model_version="3", page_size=5))
    request = ListPredictionsRequest(model_version="3", page_size=9, page_token=token)
    assert position_from_token(request) == PLACE


def broken_tokens() -> list[ListPredictionsRequest]:
    """Requests with tokens that none of their pages can have given."""
    box = BoundingBox(west=-123, south=37, east=-122, north=38)
    token = token_from_position(PLACE, ListPredictionsRequest(bounding_box=box))
    return [
        ListPredictionsRequest(page_token=token),
        ListPredictionsRequest(page_token=token, bounding_box=BoundingBox(west=-123, south=37, east=-122, north=39)),
        ListPredictionsRequest(page_token=token, bounding_box=box, has_outcome=False),
        ListPredictionsRequest(page_token=token[:-4], bounding_box=box),
        ListPredictionsRequest(page_token=f"{token}AAAA", bounding_box=box),
        *(ListPredictionsRequest(page_token=text) for text in ("abcd", "%", "é", "A" * 40)),
    ]


@pytest.mark.parametrize("request_", broken_tokens())
def test_token_of_another_listing_is_refused(request_: ListPredictionsRequest) -> None:
    """The field is named, and the token itself is not repeated."""
    with pytest.raises(InvalidRequest) as raised:
        position_from_token(request_)
    (violation,) = raised.value.violations
    assert (violation.field, violation.rule) == ("page_token", "page_token.issued")
    assert request_.page_token not in violation.description
