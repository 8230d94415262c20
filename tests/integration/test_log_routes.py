"""The record of answers in JSON, through the real gateway: what is predicted can be listed, judged and measured."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest

from housing.example import BERKELEY
from running import Service, running_gateway, running_service

NOWHERE = "019caefa-2400-7000-8000-000000000000"
"""An id that no prediction has; the same each time, or processes that share the tests would disagree on their names."""

PATH = "/api/logs/predictions"


@pytest.fixture(scope="module")
def service(state_dir: Path) -> Iterator[Service]:
    """A service with a log of its own, which starts empty; its worker relays the calls of the gateway."""
    with running_service(state_dir, transport="grpc", prediction_log=f"sqlite:///{state_dir}/routes.db") as running:
        yield running


@pytest.fixture(scope="module")
def http(service: Service, tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    """JSON over HTTP, through the gateway."""
    with (
        running_gateway(service, tmp_path_factory.mktemp("gateway")) as port,
        httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=60) as client,
    ):
        yield client


@pytest.fixture(scope="module")
def predicted(http: httpx.Client) -> list[dict[str, Any]]:
    """Five predictions of rising prices, the first one in San Diego."""
    changes: list[dict[str, float]] = [{"longitude": -117.1, "latitude": 32.7}, {}, {}, {}, {}]
    bodies = [{**BERKELEY, **change, "median_income": income} for income, change in enumerate(changes, 1)]
    return [http.post("/api/predict", json=body).json() for body in bodies]


def ids(answer: httpx.Response) -> list[str]:
    """The ids that a listing holds."""
    assert answer.status_code == 200, answer.text
    return [each["prediction_id"] for each in answer.json()["predictions"]]


def refusal(answer: httpx.Response) -> tuple[int, str, list[str]]:
    """HTTP status, reason and fields of a refusal."""
    details = {detail["@type"].rpartition(".")[2]: detail for detail in answer.json()["details"]}
    fields = [each["field"] for each in details.get("BadRequest", {}).get("field_violations", [])]
    return answer.status_code, details["ErrorInfo"]["reason"], fields


def test_answer_is_on_record_as_soon_as_it_is_given(http: httpx.Client, predicted: list[dict[str, Any]]) -> None:
    """Asked for by its id, it is the very answer, with who asked and what for."""
    given = predicted[2]
    answer = http.get(f"{PATH}/{given['prediction_id']}")
    assert answer.status_code == 200
    found = answer.json()["prediction"]
    assert found["median_house_value"] == given["median_house_value"]
    assert found["model_version"] == given["model_version"]
    assert found["predicted_at"][:26] == given["predicted_at"][:26]
    assert found["method"] == "Predict"
    assert found["block_group"] == {**BERKELEY, "median_income": 3}
    assert UUID(found["request_id"]), "the gateway gives every request an id"
    assert 0 < found["latency_seconds"] < 60
    assert "outcome" not in found


def test_query_filters_as_it_is_spelt_in_a_url(http: httpx.Client, predicted: list[dict[str, Any]]) -> None:
    """Times in RFC 3339, numbers and flags as such, an area by its borders."""
    newest = [each["prediction_id"] for each in reversed(predicted)]
    prices = sorted(each["median_house_value"] for each in predicted)
    at = predicted[3]["predicted_at"][:26] + "Z"
    assert ids(http.get(PATH)) == newest
    assert ids(http.get(f"{PATH}?start_time={at}")) == newest[:2]
    assert ids(http.get(f"{PATH}?end_time={at}")) == newest[2:]
    assert ids(http.get(f"{PATH}?min_median_house_value={prices[2]}&max_median_house_value={prices[3]}")) == newest[1:3]
    area = "bounding_box.west=-118&bounding_box.south=32.5&bounding_box.east=-117&bounding_box.north=33"
    assert ids(http.get(f"{PATH}?{area}")) == newest[4:]
    assert ids(http.get(f"{PATH}?model_version=none")) == []


def test_pages_follow_one_another(http: httpx.Client, predicted: list[dict[str, Any]]) -> None:
    """By the token of the page before, until there is none."""
    first = http.get(PATH, params={"page_size": 3})
    second = http.get(PATH, params={"page_size": 3, "page_token": first.json()["next_page_token"]})
    assert ids(first) + ids(second) == [each["prediction_id"] for each in reversed(predicted)]
    assert second.json()["next_page_token"] == ""


def test_outcomes_give_live_errors(http: httpx.Client, predicted: list[dict[str, Any]]) -> None:
    """True prices are recorded once, and statistics tell how far off the answers were."""
    prices = {each["prediction_id"]: each["median_house_value"] for each in predicted[:2]}
    outcomes = [{"prediction_id": key, "median_house_value": price + 1000} for key, price in prices.items()]
    body = {"outcomes": [*outcomes, {"prediction_id": str(uuid4()), "median_house_value": 5}]}
    results = [[each["result"] for each in http.post("/api/outcomes", json=body).json()["outcomes"]] for _ in range(2)]
    recorded, unchanged = "OUTCOME_RESULT_RECORDED", "OUTCOME_RESULT_UNCHANGED"
    assert results == [[recorded, recorded, "OUTCOME_RESULT_UNKNOWN"], [unchanged, unchanged, "OUTCOME_RESULT_UNKNOWN"]]
    assert set(ids(http.get(f"{PATH}?has_outcome=true"))) == set(prices)
    stats = http.get(f"{PATH}/stats?period=STATS_PERIOD_DAY").json()
    (version,) = stats["model_versions"]
    assert version["prices"]["count"] == 5
    assert version["error"]["outcomes"] == 2
    assert version["error"]["bias"] == pytest.approx(-1000)
    assert sum(period["prices"]["count"] for period in stats["periods"]) == 5


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("?start_time=yesterday", (400, "INVALID_REQUEST", ["start_time"])),
        ("?min_median_house_value=cheap", (400, "INVALID_REQUEST", ["min_median_house_value"])),
        ("?min_median_house_value=NaN", (400, "INVALID_REQUEST", ["min_median_house_value"])),
        ("?page_size=1001", (400, "INVALID_REQUEST", ["page_size"])),
        ("?page_size=-1", (400, "INVALID_REQUEST", ["page_size"])),
        ("?page_token=next", (400, "INVALID_REQUEST", ["page_token"])),
        ("?has_outcome=perhaps", (400, "INVALID_REQUEST", ["has_outcome"])),
        ("?bounding_box.west=x", (400, "INVALID_REQUEST", ["bounding_box.west"])),
        ("?model_versoin=3", (400, "INVALID_REQUEST", [])),
        ("?model_version=%00", (400, "INVALID_REQUEST", [])),  # the gateway lets no such text pass
        ("?model_version=%ff", (400, "INVALID_REQUEST", [])),
        ("?model_version=%C3%A9", (400, "INVALID_REQUEST", ["model_version"])),
        ("/stats?model_version=3%0A", (400, "INVALID_REQUEST", ["model_version"])),
        ("/stats?start_time=9999-12-31T23:59:59Z", (400, "INVALID_REQUEST", ["end_time"])),
        (
            "/stats?end_time=9999-12-31T23:59:59Z&start_time=1970-01-01T00:00:00Z",
            (400, "INVALID_REQUEST", ["start_time"]),
        ),
        ("/stats?period=week", (400, "INVALID_REQUEST", ["period"])),
        ("/5", (400, "INVALID_REQUEST", ["prediction_id"])),
        (f"/{NOWHERE}", (404, "PREDICTION_NOT_FOUND", [])),
    ],
)
def test_bad_query_names_its_field(http: httpx.Client, query: str, expected: tuple[int, str, list[str]]) -> None:
    """Whether the gateway or the service finds out, it is one form of refusal."""
    assert refusal(http.get(PATH + query)) == expected


@pytest.mark.parametrize(
    ("outcomes", "fields"),
    [
        ([], ["outcomes"]),
        ([{"prediction_id": NOWHERE}], ["outcomes[0].median_house_value"]),
        ([{"prediction_id": 5, "median_house_value": 5}], ["outcomes[0].prediction_id"]),
        ([{"prediction_id": NOWHERE, "median_house_value": "much"}], ["outcomes[0].median_house_value"]),
        ([{"prediction_id": NOWHERE, "median_house_value": "NaN"}], ["outcomes[0].median_house_value"]),
        ([{"prediction_id": NOWHERE, "median_house_value": 0}], ["outcomes[0].median_house_value"]),
        ([{"prediction_id": "5", "median_house_value": 5}], ["outcomes[0].prediction_id"]),
    ],
)
def test_bad_outcome_names_its_field(http: httpx.Client, outcomes: list[Any], fields: list[str]) -> None:
    """By its place in the request."""
    assert refusal(http.post("/api/outcomes", json={"outcomes": outcomes})) == (400, "INVALID_REQUEST", fields)


def test_commands_read_and_judge_the_same_record(
    service: Service, predicted: list[dict[str, Any]], tmp_path: Path
) -> None:
    """What `housing logs` exports, `housing outcomes` takes."""

    def housing(*arguments: str) -> "subprocess.CompletedProcess[str]":
        command = [sys.executable, "-m", "housing_cli", *arguments, "--target", service.target]
        return subprocess.run(command, capture_output=True, text=True, check=False)

    exported = housing("logs", "--output", str(tmp_path / "log.csv"))
    assert exported.returncode == 0, exported.stderr
    judged = housing("outcomes", str(tmp_path / "log.csv"))
    assert judged.returncode == 1, "the true prices of some are not known yet, so that their rows are refused"
    assert len(judged.stdout.splitlines()) == 1 + len(predicted)
    shown = housing("logs", "--limit", "2", "--json")
    assert len(shown.stdout.splitlines()) == 2
