"""Every example of the API's documentation is sent to the real service, and answered as it says."""

import json
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from jsonschema import Draft202012Validator

from housing_openapi.examples import EXAMPLES, INVALID, Example
from running import ROOT, wait_for

DOCUMENT = json.loads((ROOT / "server/housing_server/web/openapi.json").read_text("utf-8"))
OPERATIONS = {
    operation["operationId"]: (verb.upper(), path, operation)
    for path, verbs in DOCUMENT["paths"].items()
    for verb, operation in verbs.items()
}
CHANGES_NOTHING_ELSE = {"RollbackModel": "NO_EARLIER_CHAMPION"}
"""Examples that succeed only after a promotion, which no test makes in this registry: the reason of the refusal."""

Ids = dict[str, str]


@pytest.fixture(scope="module", name="ids")
def known_ids(http: httpx.Client) -> Ids:
    """Ids and a version that this service knows, by those of the examples."""
    answer = http.post("/api/predict", json=EXAMPLES["Predict"].body).raise_for_status().json()
    key = answer["prediction_id"]
    wait_for(lambda: http.get(f"/api/logs/predictions/{key}").status_code == 200 or None, "the prediction on record")
    price = {"prediction_id": key, "median_house_value": 452600}  # without one there are no errors to show
    http.post("/api/outcomes", json={"outcomes": [price]}).raise_for_status()
    retraining = http.post("/api/retraining", json=EXAMPLES["StartRetraining"].body).raise_for_status().json()
    return {
        EXAMPLES["GetPrediction"].parameters["prediction_id"]: key,
        EXAMPLES["GetRetraining"].parameters["retraining_id"]: retraining["retraining"]["retraining_id"],
        "{version}": http.get("/api/models").json()["champion_version"],
    }


def send(http: httpx.Client, name: str, example: Example, ids: Ids) -> httpx.Response:
    """Send an example, with the ids of this service."""
    verb, path, _ = OPERATIONS[name]
    content = "" if example.body is None else json.dumps(example.body)
    query = {}
    for parameter, value in example.parameters.items():
        if f"{{{parameter}}}" in path:
            path = path.replace(f"{{{parameter}}}", ids.get(f"{{{parameter}}}", str(value)))
        else:
            query[parameter] = value
    for shown, known in ids.items():
        path, content = path.replace(shown, known), content.replace(shown, known)
    headers = {"content-type": "application/json"} if content else {}
    return http.request(verb, path, params=query, content=content, headers=headers)


def differences(shown: Any, answered: Any, path: str = "$") -> Iterator[str]:
    """Yield what an answer lacks of an example: fields, and kinds of values."""
    if isinstance(shown, dict) and isinstance(answered, dict):
        for name, value in shown.items():
            if name not in answered:
                yield f"{path}.{name} is missing"
            else:
                yield from differences(value, answered[name], f"{path}.{name}")
    elif isinstance(shown, list) and isinstance(answered, list):
        for index, (one, other) in enumerate(zip(shown, answered, strict=False)):
            yield from differences(one, other, f"{path}[{index}]")
    elif isinstance(shown, bool) != isinstance(answered, bool) or isinstance(shown, str) != isinstance(answered, str):
        yield f"{path} is {answered!r}"


@pytest.mark.parametrize("name", EXAMPLES)
def test_example_is_answered_as_documented(name: str, http: httpx.Client, ids: Ids) -> None:
    """With the fields of the example, and by the schema."""
    answer = send(http, name, EXAMPLES[name], ids)
    if name in CHANGES_NOTHING_ELSE:
        assert answer.json()["details"][-1]["reason"] == CHANGES_NOTHING_ELSE[name]
        return
    assert answer.status_code == 200, answer.text
    assert not list(differences(EXAMPLES[name].response, answer.json())), answer.text
    schema = OPERATIONS[name][2]["responses"]["200"]["content"]["application/json"]["schema"]
    Draft202012Validator(schema | {"components": DOCUMENT["components"]}).validate(answer.json())


@pytest.mark.parametrize("name", INVALID)
def test_invalid_example_is_refused_as_documented(name: str, http: httpx.Client, ids: Ids) -> None:
    """Every word of it."""
    answer = send(http, name, INVALID[name], ids)
    assert (answer.status_code, answer.json()) == (400, INVALID[name].response)


def test_every_operation_has_an_example() -> None:
    """And every request with a body an invalid one."""
    assert set(EXAMPLES) == set(OPERATIONS)
    assert set(INVALID) == {name for name, (_, _, operation) in OPERATIONS.items() if "requestBody" in operation}
