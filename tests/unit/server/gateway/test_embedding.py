"""An Envoy with a worker in it: what it listens on, and which filters see which calls."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from housing.routes import methods_of
from housing_server.gateway.config import Front, configuration
from housing_server.gateway.embedding import Embedding, embed
from housing_server.gateway.upstreams import Upstream

PYTHON = "python"
LUA, TRANSCODER = "envoy.filters.http.lua", "envoy.filters.http.grpc_json_transcoder"
MODELS = ("ListModelVersions", "ListModelChanges", "PromoteModelVersion", "RollbackModel")
METHODS = [*methods_of(["housing.v1.PredictionLogService", "housing.v1.RetrainingService"])]
METHODS += [method for method in methods_of(["housing.v1.ModelService"]) if method.name in MODELS]
RECORDER = Upstream(name="recorder", socket="/run/recorder.sock", methods=METHODS)
PREDICT, LIST = "/housing.v1.PredictionService/Predict", "/housing.v1.PredictionLogService/ListPredictions"
GRPC_PORT, GATEWAY_PORT = 50051, 8080
USUAL = {":method": "POST", ":authority": "localhost:8080", "x-caller-head-bytes": "230", "content-length": "190"}
JSON = USUAL | {":path": "/api/predict", "content-type": "application/json"}
GRPC = USUAL | {"content-type": "application/grpc"}


@pytest.fixture
def embedded(tmp_path: Path) -> dict[str, Any]:
    """The configuration of a worker's Envoy."""
    front = Front(host="127.0.0.1", port=GATEWAY_PORT, metrics_host="127.0.0.1", metrics_port=9464, heap_mb=384)
    embedding = Embedding(
        host="127.0.0.2",
        port=GRPC_PORT,
        max_connection_age_seconds=7.5,
        max_concurrent_streams=99,
        unresponsive_seconds=10,
        front_names=["localhost"],
        upstreams=[RECORDER],
    )
    return embed(configuration(front, None, tmp_path, tmp_path / "admin.sock"), embedding, {"name": PYTHON})


def manager(config: dict[str, Any]) -> dict[str, Any]:
    """The connection manager of both ports."""
    (listener,) = config["static_resources"]["listeners"]
    found: dict[str, Any] = listener["filter_chains"][0]["filters"][-1]["typed_config"]
    return found


def header_matches(matcher: dict[str, Any], headers: Mapping[str, str]) -> bool:
    """Whether Envoy would find that a header matches."""
    value = headers.get(matcher["name"], "" if "treat_missing_header_as_empty" in matcher else None)
    if "present_match" in matcher:
        return (value is not None) is bool(matcher["present_match"])
    if value is None:
        return False
    wanted = matcher["string_match"]
    pattern = (
        wanted["safe_regex"]["regex"].replace(r"\C", ".") if "safe_regex" in wanted else re.escape(wanted["exact"])
    )
    return (re.fullmatch(pattern, value) is not None) is not bool(matcher.get("invert_match"))


def matches(match: dict[str, Any], path: str, port: int, headers: Mapping[str, str]) -> bool:
    """Whether Envoy would choose a route."""
    ports = [each["string_match"]["exact"] for each in match.get("filter_state", ())]
    by_path = (
        path == match["path"]
        if "path" in match
        else path.startswith(match["prefix"])
        if "prefix" in match
        else re.fullmatch(match["safe_regex"]["regex"], path) is not None
    )
    usual = all(header_matches(each, headers) for each in match.get("headers", ()))
    return by_path and usual and ports in ([], [str(port)])


def passage(
    config: dict[str, Any], path: str, port: int, headers: Mapping[str, str] | None = None
) -> tuple[str, list[str]]:
    """The cluster that a request is routed to, and the filters that see it."""
    found = manager(config)
    (host,) = found["route_config"]["virtual_hosts"]
    route = next(each for each in host["routes"] if matches(each["match"], path, port, headers or {}))
    changes = route.get("typed_per_filter_config", {})
    names = [each["name"] for each in found["http_filters"]]
    return route["route"]["cluster"], [name for name in names if not changes.get(name, {}).get("disabled")]


def test_both_ports_are_one_listener(embedded: dict[str, Any]) -> None:
    """The filter that runs Python exists once, and so does its event loop."""
    (listener,) = embedded["static_resources"]["listeners"]
    (further,) = listener["additional_addresses"]
    assert listener["address"]["socket_address"] == {"address": "127.0.0.1", "port_value": GATEWAY_PORT}
    assert further["address"]["socket_address"] == {"address": "127.0.0.2", "port_value": GRPC_PORT}
    assert [each["name"] for each in manager(embedded)["http_filters"]].count(PYTHON) == 1


def test_predictions_on_the_port_for_grpc_pass_nothing_but_their_headers(embedded: dict[str, Any]) -> None:
    """Neither script nor transcoder costs them anything."""
    cluster, filters = passage(embedded, PREDICT, GRPC_PORT)
    assert cluster == "worker"
    assert filters == ["envoy.filters.http.header_mutation", PYTHON, "envoy.filters.http.router"]


@pytest.mark.parametrize("path", ["/api/predict", PREDICT, "/health", "/nowhere"])
def test_all_that_a_gateway_checks_is_checked_before_the_worker(path: str, embedded: dict[str, Any]) -> None:
    """On the gateway's port every filter of a gateway comes first."""
    cluster, filters = passage(embedded, path, GATEWAY_PORT)
    assert cluster == "worker"
    assert filters[-2:] == [PYTHON, "envoy.filters.http.router"]
    assert {LUA, "envoy.filters.http.lua.strict_json", "envoy.filters.http.grpc_json_transcoder"} <= set(filters)


@pytest.mark.parametrize(
    ("path", "headers", "filters"),
    [
        (PREDICT, GRPC, []),
        (PREDICT, GRPC | {"content-type": "application/grpc+proto", "x-caller-request-id": "a-1"}, []),
        ("/api/predict", JSON, [LUA, TRANSCODER]),
        ("/api/predict", JSON | {"x-caller-request-id": "0190-aB.c:/+=@_"}, [LUA, TRANSCODER]),
        ("/api/predict", JSON | {"content-type": "application/json; charset=utf-8"}, [LUA, TRANSCODER]),
    ],
)
def test_usual_calls_pass_few_filters(
    path: str, headers: dict[str, str], filters: list[str], embedded: dict[str, Any]
) -> None:
    """Native matchers have checked their heads."""
    cluster, passed = passage(embedded, path, GATEWAY_PORT, headers)
    assert cluster == "worker"
    assert passed == ["envoy.filters.http.header_mutation", *filters, PYTHON, "envoy.filters.http.router"]


@pytest.mark.parametrize("path", ["/api/predict", PREDICT])
@pytest.mark.parametrize(
    "unusual",
    [
        {":method": "GET"},
        {":authority": "rebound.example"},
        {"content-type": "text/plain"},
        {"origin": "https://shop.example"},
        {"x-caller-head-bytes": "10000"},
        {"x-caller-request-id": "a;b"},
        {"x-caller-request-id": "a" * 80},
    ],
)
def test_unusual_calls_pass_the_scripts(path: str, unusual: dict[str, str], embedded: dict[str, Any]) -> None:
    """They refuse in words, or remove what is not for the worker."""
    headers = (GRPC if path == PREDICT else JSON) | unusual
    assert {LUA, "envoy.filters.http.lua.strict_json"} <= set(passage(embedded, path, GATEWAY_PORT, headers)[1])


@pytest.mark.parametrize(
    "unusual",
    [
        {":path": "/api/predict?latitude=37"},
        {"content-length": "10000"},
        {"content-encoding": "gzip"},
        {"content-type": "application/json; charset=latin1"},
        {"grpc-timeout": "1S"},
        {"grpc-encoding": "gzip"},
    ],
)
def test_unusual_bodies_pass_the_scripts(unusual: dict[str, str], embedded: dict[str, Any]) -> None:
    """So do those that are large, compressed, or not certainly JSON, and those beside a query."""
    filters = passage(embedded, "/api/predict", GATEWAY_PORT, JSON | unusual)[1]
    assert {LUA, "envoy.filters.http.lua.strict_json"} <= set(filters)


@pytest.mark.parametrize(
    ("path", "port"),
    [
        (LIST, GRPC_PORT),
        (LIST, GATEWAY_PORT),
        ("/api/logs/predictions", GATEWAY_PORT),
        ("/api/logs/predictions/some-id", GATEWAY_PORT),
        ("/api/models/7:promote", GATEWAY_PORT),
        ("/housing.v1.ModelService/RollbackModel", GRPC_PORT),
        ("/api/retraining", GATEWAY_PORT),
    ],
)
def test_calls_of_another_process_never_reach_the_worker(path: str, port: int, embedded: dict[str, Any]) -> None:
    """They pass the script that checks headers, on either port, and go to that process."""
    cluster, filters = passage(embedded, path, port)
    assert cluster == "recorder"
    assert PYTHON not in filters
    assert LUA in filters


@pytest.mark.parametrize("path", ["/api/model", "/housing.v1.ModelService/GetModel"])
def test_a_service_may_be_answered_by_two_processes(path: str, embedded: dict[str, Any]) -> None:
    """What the model itself knows, the worker answers."""
    assert passage(embedded, path, GATEWAY_PORT)[0] == "worker"


def test_regular_expressions_stay_small(embedded: dict[str, Any]) -> None:
    """Envoy refuses a configuration with one whose program has more than 100 instructions, about one a character."""
    (host,) = manager(embedded)["route_config"]["virtual_hosts"]
    expressions = [each["match"]["safe_regex"]["regex"] for each in host["routes"] if "safe_regex" in each["match"]]
    assert max(map(len, expressions)) < 80


@pytest.mark.parametrize("path", ["/metrics", "/gateway/metrics"])
def test_metrics_come_from_the_side_port(path: str, embedded: dict[str, Any]) -> None:
    """Those of Envoy too, since there is one around each worker."""
    cluster, filters = passage(embedded, path, GATEWAY_PORT)
    assert cluster == "side_port"
    assert PYTHON not in filters


def test_pages_are_served_without_the_worker(embedded: dict[str, Any]) -> None:
    """By Envoy itself, and on the gateway's port only."""
    routes = manager(embedded)["route_config"]["virtual_hosts"][0]["routes"]
    pages = [route for route in routes if "direct_response" in route]
    assert {"/", "/docs", "/ops", "/openapi.json"} <= {route["match"]["path"] for route in pages}
    assert all(route["typed_per_filter_config"][PYTHON]["disabled"] for route in pages)
    assert passage(embedded, "/", GRPC_PORT)[0] == "worker"


def test_limits_are_those_of_the_server(embedded: dict[str, Any]) -> None:
    """Connections end after a while, and a thread that hangs ends the process."""
    found = manager(embedded)
    assert found["common_http_protocol_options"]["max_connection_duration"] == "7.500s"
    assert found["http2_protocol_options"]["max_concurrent_streams"] == 99
    assert embedded["watchdogs"]["worker_watchdog"] == {"kill_timeout": "10.000s"}
    names = [each["name"] for each in embedded["static_resources"]["clusters"]]
    assert names == ["worker", "side_port", "recorder"]
