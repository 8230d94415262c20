"""The OpenAPI document of the JSON routes."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from openapi_spec_validator import validate

from housing.features import FEATURES
from housing.reasons import REASONS
from housing.routes import ROUTES, methods_of
from running import ROOT

DOCUMENT = ROOT / "server/housing_server/web/openapi.json"


@pytest.fixture(scope="module", name="document")
def committed_document() -> dict[str, Any]:
    """The document that is served."""
    read: dict[str, Any] = json.loads(DOCUMENT.read_text("utf-8"))
    return read


def operations(document: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Yield verb, path and operation of each route."""
    for path, verbs in document["paths"].items():
        for verb, operation in verbs.items():
            yield verb.upper(), path, operation


def test_document_is_valid(document: dict[str, Any]) -> None:
    """By the schema of OpenAPI 3.1."""
    validate(document)


def test_every_route_and_method_is_in_it(document: dict[str, Any]) -> None:
    """Routes as operations, and methods, streaming ones included, in the reference of gRPC."""
    assert {(verb, path) for verb, path, _ in operations(document)} == {(each.verb, each.path) for each in ROUTES}
    listed = {method["path"] for service in document["x-grpc"] for method in service["methods"]}
    assert listed == {f"/{each.containing_service.full_name}/{each.name}" for each in methods_of()}


def test_fields_have_bounds_units_and_comments(document: dict[str, Any]) -> None:
    """As the contract has them."""
    schema = document["components"]["schemas"]["BlockGroup"]
    for feature in FEATURES:
        field = schema["properties"][feature.name]
        assert (field.get("minimum"), field.get("maximum")) == (feature.minimum, feature.maximum)
        assert field.get("x-unit", "") == feature.unit
        assert tuple(field.get("enum", ())) == feature.choices
        assert field["description"]
    assert schema["required"] == [feature.name for feature in FEATURES if feature.required]


def test_every_reason_is_explained(document: dict[str, Any]) -> None:
    """With code and HTTP status; each operation lists those that it is refused for."""
    assert [each["reason"] for each in document["x-reasons"]] == list(REASONS)
    assert all(each["description"] for each in document["x-reasons"])
    for _, path, operation in operations(document):
        assert {"200", "400", "503"} <= set(operation["responses"]), path
