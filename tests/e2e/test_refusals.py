"""Bad requests, through gRPC and through JSON: the same code, reason and field paths, and the service lives on."""

import json
import math
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import grpc
import httpx
import pytest
from google.rpc.error_details_pb2 import BadRequest, ErrorInfo
from grpc_status import rpc_status

from housing.features import FEATURES
from housing.v1.block_group_pb2 import BlockGroup
from housing.v1.prediction_service_pb2 import BatchPredictRequest, PredictRequest
from housing.v1.prediction_service_pb2_grpc import PredictionServiceStub
from running import TRANSPORTS

Body = dict[str, Any]
NUMBERS = [feature for feature in FEATURES if not feature.choices]
BATCH_LIMIT = 10_000


@pytest.fixture(scope="module", params=TRANSPORTS)
def product(request: pytest.FixtureRequest, products: Callable[[str], Any]) -> Any:
    """The product over each transport."""
    return products(request.param)


def bad_values() -> Iterator[Any]:
    """Each field with each kind of value that the contract refuses; None leaves it out."""
    for feature in FEATURES:
        if feature.required:
            yield pytest.param(feature.name, None, id=f"{feature.name} missing")
    for feature in NUMBERS:
        assert feature.minimum is not None
        assert feature.maximum is not None
        yield pytest.param(feature.name, math.nextafter(feature.minimum, -math.inf), id=f"{feature.name} too low")
        yield pytest.param(feature.name, math.nextafter(feature.maximum, math.inf), id=f"{feature.name} too high")
        for value in (math.nan, math.inf, -math.inf):
            yield pytest.param(feature.name, value, id=f"{feature.name} {value}")
    for label in ("LAKE", "near bay", ""):
        yield pytest.param("ocean_proximity", label, id=f"ocean_proximity {label!r}")


def changed(body: Body, field: str, value: object) -> Body:
    """A request with one field changed, or without it."""
    rest = {name: kept for name, kept in body.items() if name != field}
    return rest if value is None else rest | {field: value}


def as_json(body: Body) -> Body:
    """A request as JSON spells it: what is no JSON number is a string there."""
    return {
        name: str(value).replace("inf", "Infinity").replace("nan", "NaN")
        if isinstance(value, float) and not math.isfinite(value)
        else value
        for name, value in body.items()
    }


def unique(paths: Iterable[str]) -> list[str]:
    """Field paths in their order; one that breaks two rules is named twice."""
    return list(dict.fromkeys(paths))


def grpc_refusal(error: grpc.RpcError) -> tuple[str, str, list[str]]:
    """Code, reason and field paths of a refusal over gRPC."""
    assert isinstance(error, grpc.Call)
    status = rpc_status.from_call(error)
    assert status is not None
    request, info = BadRequest(), ErrorInfo()
    for detail in status.details:
        detail.Unpack(request if detail.Is(BadRequest.DESCRIPTOR) else info)
    return error.code().name, info.reason, unique(each.field for each in request.field_violations)


def json_refusal(answer: httpx.Response) -> tuple[int, str, list[str]]:
    """HTTP status, reason and field paths of a refusal in JSON, which must be a Status and tell nothing else."""
    assert answer.headers["content-type"] == "application/json"
    assert "Traceback" not in answer.text
    assert ".py" not in answer.text
    details = {detail["@type"].rpartition(".")[2]: detail for detail in answer.json()["details"]}
    fields = unique(each["field"] for each in details.get("BadRequest", {}).get("field_violations", []))
    return answer.status_code, details["ErrorInfo"]["reason"], fields


@pytest.mark.parametrize(("field", "value"), list(bad_values()))
def test_bad_field_is_named_alike_over_grpc_and_json(
    field: str, value: object, channel: grpc.Channel, http: httpx.Client, berkeley: Body
) -> None:
    """One bad field is refused with its path, which in JSON begins at the body, and nothing else is blamed."""
    body = changed(berkeley, field, value)
    if field == "total_rooms" and isinstance(value, float):
        del body["total_bedrooms"]  # which may not exceed the rooms
    path = f"block_group.{field}"
    with pytest.raises(grpc.RpcError) as error:
        PredictionServiceStub(channel).Predict(PredictRequest(block_group=BlockGroup(**body)))
    assert grpc_refusal(error.value) == ("INVALID_ARGUMENT", "INVALID_REQUEST", [path])
    assert json_refusal(http.post("/api/predict", json=as_json(body))) == (400, "INVALID_REQUEST", [field])


def test_more_bedrooms_than_rooms_blames_the_bedrooms(
    channel: grpc.Channel, http: httpx.Client, berkeley: Body
) -> None:
    """The rule about two fields is reported on the one it is named for."""
    body = berkeley | {"total_bedrooms": 881.0}
    with pytest.raises(grpc.RpcError) as error:
        PredictionServiceStub(channel).Predict(PredictRequest(block_group=BlockGroup(**body)))
    assert grpc_refusal(error.value) == ("INVALID_ARGUMENT", "INVALID_REQUEST", ["block_group.total_bedrooms"])
    assert json_refusal(http.post("/api/predict", json=body)) == (400, "INVALID_REQUEST", ["total_bedrooms"])


@pytest.mark.parametrize("size", [0, BATCH_LIMIT + 1])
def test_batch_of_an_illegal_size_is_refused(
    size: int, channel: grpc.Channel, http: httpx.Client, berkeley: Body
) -> None:
    """An empty batch and one of 10,001 are refused as a whole."""
    request = BatchPredictRequest(block_groups=[BlockGroup(**berkeley)] * size)
    with pytest.raises(grpc.RpcError) as error:
        PredictionServiceStub(channel).BatchPredict(request)
    assert grpc_refusal(error.value) == ("INVALID_ARGUMENT", "INVALID_REQUEST", ["block_groups"])
    answer = http.post("/api/predict/batch", json={"block_groups": [berkeley] * size})
    assert json_refusal(answer) == (400, "INVALID_REQUEST", ["block_groups"])


def test_bad_row_refuses_its_batch_and_is_named_by_index(
    channel: grpc.Channel, http: httpx.Client, berkeley: Body
) -> None:
    """One bad row in the middle is found among the good ones."""
    rows = [berkeley] * 17 + [berkeley | {"latitude": 50.0}] + [berkeley] * 20
    path = "block_groups[17].latitude"
    request = BatchPredictRequest(block_groups=[BlockGroup(**row) for row in rows])
    with pytest.raises(grpc.RpcError) as error:
        PredictionServiceStub(channel).BatchPredict(request)
    assert grpc_refusal(error.value) == ("INVALID_ARGUMENT", "INVALID_REQUEST", [path])
    answer = http.post("/api/predict/batch", json={"block_groups": rows})
    assert json_refusal(answer) == (400, "INVALID_REQUEST", [path])


def test_batch_of_bad_rows_lists_the_first_and_counts_all(channel: grpc.Channel, http: httpx.Client) -> None:
    """Of the 70,000 rules that ten thousand empty rows break, the first 25 are looked for: more would only cost."""
    with pytest.raises(grpc.RpcError) as error:
        PredictionServiceStub(channel).BatchPredict(BatchPredictRequest(block_groups=[BlockGroup()] * BATCH_LIMIT))
    _, reason, fields = grpc_refusal(error.value)
    assert (reason, len(fields), fields[0]) == ("INVALID_REQUEST", 25, "block_groups[0].longitude")
    answer = http.post("/api/predict/batch", json={"block_groups": [{}] * BATCH_LIMIT})
    assert json_refusal(answer)[0] == 400
    assert answer.json()["details"][1]["metadata"]["violations"] == "25"


@pytest.mark.parametrize("feature", FEATURES, ids=lambda feature: feature.name)
@pytest.mark.parametrize("value", [True, [1.0], {"a": 1.0}, "@"], ids=["bool", "list", "object", "other scalar"])
def test_wrong_json_type_names_the_field(feature: Any, value: object, http: httpx.Client, berkeley: Body) -> None:
    """A value of another JSON type is refused by the gateway in the same form, without being repeated."""
    value = 5 if value == "@" and feature.choices else value
    status, reason, fields = json_refusal(http.post("/api/predict", json=berkeley | {feature.name: value}))
    assert (status, reason, fields) == (400, "INVALID_REQUEST", [feature.name])


def test_wrong_json_type_in_a_batch_names_the_row(http: httpx.Client, berkeley: Body) -> None:
    """The row's index is in the path."""
    rows = [berkeley, berkeley | {"population": "many"}]
    answer = http.post("/api/predict/batch", json={"block_groups": rows})
    assert json_refusal(answer) == (400, "INVALID_REQUEST", ["block_groups[1].population"])
    assert "many" not in answer.text


@pytest.mark.parametrize("feature", NUMBERS, ids=lambda feature: feature.name)
@pytest.mark.parametrize("spelling", ["NaN", "Infinity", "-Infinity", "01", "+1"])
def test_number_that_is_no_json_names_the_field(
    feature: Any, spelling: str, http: httpx.Client, berkeley: Body
) -> None:
    """Bare NaN and the like are no JSON; the field is named all the same."""
    text = json.dumps(berkeley | {feature.name: "@"}).replace('"@"', spelling)
    assert json_refusal(http.post("/api/predict", content=text)) == (400, "INVALID_JSON", [feature.name])


def test_null_in_a_batch_moves_no_answer_to_another_row(http: httpx.Client, berkeley: Body) -> None:
    """What JavaScript makes of `undefined` is refused where it stands; without it, each row has its own answer."""
    rows = [berkeley, berkeley | {"median_income": 1.5}]
    answer = http.post("/api/predict/batch", json={"block_groups": [rows[0], None, rows[1]]})
    assert json_refusal(answer) == (400, "INVALID_REQUEST", ["block_groups[1]"])
    batch = http.post("/api/predict/batch", json={"block_groups": rows}).json()["predictions"]
    singles = [http.post("/api/predict", json=row).json() for row in rows]
    assert [each["median_house_value"] for each in batch] == [each["median_house_value"] for each in singles]


def test_misspelt_field_is_refused_with_the_name_that_was_meant(http: httpx.Client, berkeley: Body) -> None:
    """A field that the contract does not know is not ignored, even where it might have been left out."""
    answer = http.post("/api/predict", json=changed(berkeley, "total_bedrooms", None) | {"total_bedroms": 129})
    assert json_refusal(answer) == (400, "INVALID_REQUEST", [""])
    assert "did you mean `total_bedrooms`?" in answer.json()["message"]


@pytest.mark.parametrize("text", ['{"longitude": ', "hello", "", '{"longitude": 1}}'])
def test_invalid_json_is_refused(text: str, http: httpx.Client) -> None:
    """What cannot be read as JSON is refused, with the place, and without an excerpt of it."""
    status, reason, fields = json_refusal(http.post("/api/predict", content=text))
    assert (status, reason) == (400, "INVALID_JSON")
    assert fields in ([""], ["longitude"])


@pytest.mark.parametrize(
    ("method", "path"),
    [("GET", "/nothing"), ("POST", "/nothing"), ("GET", "/api/"), ("GET", "/api/predict/")],
)
def test_unknown_path_is_not_found(method: str, path: str, http: httpx.Client) -> None:
    """A path that does not exist is 404 in the same form."""
    assert json_refusal(http.request(method, path)) == (404, "NO_SUCH_ROUTE", [])


@pytest.mark.parametrize(("method", "path"), [("GET", "/api/predict"), ("PUT", "/api/predict"), ("POST", "/health")])
def test_other_method_is_not_allowed(method: str, path: str, http: httpx.Client) -> None:
    """A path that exists with another method is 405 in the same form."""
    assert json_refusal(http.request(method, path)) == (405, "METHOD_NOT_ALLOWED", [])


def test_oversized_body_is_refused_whole(http: httpx.Client, berkeley: Body) -> None:
    """A body far over the largest legal batch is 413, not cut short and answered."""
    answer = http.post("/api/predict/batch", json={"block_groups": [berkeley] * 60_000})
    assert json_refusal(answer) == (413, "BODY_TOO_LARGE", [])


def test_service_goes_on_after_refusals(http: httpx.Client, berkeley: Body) -> None:
    """After everything above, no worker has been restarted, and a good request is answered."""
    assert http.post("/api/predict", json=berkeley).status_code == 200
    assert http.get("/health").json()["workers"] == {"configured": 2, "serving": 2, "restarts": 0}
