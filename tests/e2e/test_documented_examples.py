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
SHOWN_ID = EXAMPLES["GetPrediction"].parameters["prediction_id"]


@pytest.fixture(scope="module", name="known_id")
def id_on_record(http: httpx.Client) -> str:
    """The id of a prediction on record, in the place of the one in the examples."""
    example = EXAMPLES["Predict"]
    key: str = http.post("/api/predict", json=example.body).raise_for_status().json()["prediction_id"]
    wait_for(lambda: http.get(f"/api/logs/predictions/{key}").status_code == 200 or None, "the prediction on record")
    return key


def send(http: httpx.Client, name: str, example: Example, known_id: str) -> httpx.Response:
    """Send an example."""
    verb, path, _ = OPERATIONS[name]
    parameters = dict(example.parameters)
    path = path.replace("{prediction_id}", str(parameters.pop("prediction_id", "")))
    body = None if example.body is None else json.dumps(example.body).replace(SHOWN_ID, known_id)
    headers = {"content-type": "application/json"} if body else {}
    return http.request(verb, path.replace(SHOWN_ID, known_id), params=parameters, content=body, headers=headers)


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
def test_example_is_answered_as_documented(name: str, http: httpx.Client, known_id: str) -> None:
    """With the fields of the example, and by the schema."""
    answer = send(http, name, EXAMPLES[name], known_id)
    assert answer.status_code == 200, answer.text
    assert list(differences(EXAMPLES[name].response, answer.json())) == []
    schema = OPERATIONS[name][2]["responses"]["200"]["content"]["application/json"]["schema"]
    Draft202012Validator(schema | {"components": DOCUMENT["components"]}).validate(answer.json())


@pytest.mark.parametrize("name", INVALID)
def test_invalid_example_is_refused_as_documented(name: str, http: httpx.Client, known_id: str) -> None:
    """Word by word."""
    answer = send(http, name, INVALID[name], known_id)
    assert (answer.status_code, answer.json()) == (400, INVALID[name].response)


def test_every_operation_has_an_example() -> None:
    """And every request with a body an invalid one."""
    assert set(EXAMPLES) == set(OPERATIONS)
    assert set(INVALID) == {name for name, (_, _, operation) in OPERATIONS.items() if "requestBody" in operation}
