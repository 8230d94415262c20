"""What JSON bodies may hold is read from the contract, and what cannot be checked is refused when it is read."""

import pytest
from google.protobuf import descriptor_pb2, struct_pb2, type_pb2

from housing.features import FEATURE_NAMES
from housing.services import SERVICES
from housing.v1.model_service_pb2 import Model
from housing.v1.prediction_log_service_pb2 import GetPredictionStatsRequest
from housing.v1.prediction_service_pb2 import BatchPredictRequest, StreamPredictResponse
from housing_server.gateway.json_schema import bodies_by_route, body_of


def test_each_route_with_a_body_is_known() -> None:
    """Routes are named by method and path, and a body may be a field of the request message."""
    bodies = {route: body.get("within") for route, body in bodies_by_route(SERVICES).items()}
    assert bodies == {
        "POST /api/predict": "block_group",
        "POST /api/predict/batch": None,
        "POST /api/models/{version}:promote": None,
        "POST /api/models:rollback": None,
        "POST /api/explain": "block_group",
        "POST /api/outcomes": None,
        "POST /api/retraining": None,
    }


def test_a_field_of_the_path_is_none_of_the_body() -> None:
    """Otherwise it would be the transcoder's choice which of two values counts."""
    body = bodies_by_route(SERVICES)["POST /api/models/{version}:promote"]
    assert [field["name"] for field in body["fields"]] == ["reason", "force", "changed_by", "champion_version"]
    assert body["pattern"] == "^POST /api/models/[^/]+:promote$"


def test_fields_are_those_of_the_contract() -> None:
    """A block group's fields have both of their names, and the kind of their values."""
    fields = bodies_by_route(SERVICES)["POST /api/predict"]["fields"]
    assert [field["name"] for field in fields] == list(FEATURE_NAMES)
    assert fields[2]["json_name"] == "housingMedianAge"
    assert [field["kind"] for field in fields] == ["number"] * 8 + ["string"]
    assert not any(field["list"] for field in fields)


@pytest.mark.parametrize(
    "message",
    [
        struct_pb2.Struct,
        type_pb2.Type,
        Model,
        GetPredictionStatsRequest,
        descriptor_pb2.DescriptorProto,
        StreamPredictResponse,
    ],
    ids=["recursive", "another package", "map", "timestamp", "nested in itself", "oneof"],
)
def test_a_message_that_cannot_be_checked_is_refused(message: type) -> None:
    """Nothing unchecked slips through when the contract grows: the gateway does not start."""
    with pytest.raises(ValueError, match=r"not support|is recursive"):
        body_of(message.DESCRIPTOR, "*")  # type: ignore[attr-defined]  # generated


@pytest.mark.parametrize("body", ["block_groups", "partial_results"])
def test_a_body_that_is_no_single_message_is_refused(body: str) -> None:
    """The body of a route is a message, or a field that is one."""
    with pytest.raises(ValueError, match="not supported"):
        body_of(BatchPredictRequest.DESCRIPTOR, body)
