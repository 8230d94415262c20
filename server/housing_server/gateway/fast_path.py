"""The fast path of an Envoy with a worker in it: calls whose heads native matchers can check pass few filters.

On the port for JSON, the scripts that check a head and finish a response take longer than everything else that a
prediction needs. Most heads are alike, though: what matches here passes without them, and the worker checks the rest,
as it does on the gRPC port. Everything else, errors included, is for the scripts.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from housing.routes import methods_of, routes_of
from housing.services import PREDICTION_SERVICE
from housing_server.gateway.json_schema import STRICT_SCRIPTS
from housing_server.gateway.lua import contract_values, preloaded

_Data = dict[str, Any]

SCRIPT = "fast_path"
"""Name of the script for JSON, among those of the Lua filter."""
HEAD_BYTES: _Data = {
    "append": {
        "header": {"key": "x-caller-head-bytes", "value": "%REQUEST_HEADERS_BYTES%"},
        "append_action": "OVERWRITE_IF_EXISTS_OR_ADD",
    }
}
"""Mutation of each request's headers that adds their size, for the matchers."""

_METHODS = {method.name: method for method in methods_of([PREDICTION_SERVICE])}
(_PREDICT,) = routes_of(_METHODS["Predict"])


def _is(name: str, pattern: str, **more: bool) -> _Data:
    return {"name": name, "string_match": {"safe_regex": {"regex": pattern}}, **more}


def _without(*names: str) -> list[_Data]:
    return [{"name": name, "present_match": False} for name in names]


_USUAL = (
    {"name": ":method", "string_match": {"exact": "POST"}},
    _is("x-caller-head-bytes", "[0-9]{1,4}"),
    # An id that the worker accepts, and so returns. Two expressions, since Envoy limits the size of each.
    _is("x-caller-request-id", r"[0-9A-Za-z_.:/+=@-]*", treat_missing_header_as_empty=True),
    _is("x-caller-request-id", r"\C{80}\C*", treat_missing_header_as_empty=True, invert_match=True),
    *_without("origin"),
)

JSON: _Data = {
    "path": _PREDICT.path,
    "headers": [
        *_USUAL,
        {"name": ":path", "string_match": {"exact": _PREDICT.path}},  # without a query
        _is("content-type", "application/json(; ?charset=utf-8)?"),
        _is("content-length", "[0-9]{1,4}"),
        *_without("content-encoding", "grpc-timeout", "grpc-encoding"),
    ],
}
"""Matches single predictions over JSON whose body fits into a buffer, and that no other page has sent."""
GRPC: _Data = {
    "prefix": f"/{PREDICTION_SERVICE}/",
    "headers": [
        *_USUAL,
        _is("content-type", r"application/grpc(\+proto)?"),
        *_without("x-envoy-original-path"),
    ],
}
"""Matches predictions over gRPC, but for those that were JSON before they were transcoded."""


def source(bodies: Mapping[str, Mapping[str, Any]]) -> str:
    """Return the source of the script for JSON.

    Args:
        bodies: the schema of each route's body, as `bodies_by_route` returns it.
    """
    name = f"{_PREDICT.verb} {_PREDICT.path}"
    values = {
        "bodies": {name: bodies[name]},
        "contract": contract_values(),
        "route": {"name": name, "path": _PREDICT.path},
    }
    return preloaded((*STRICT_SCRIPTS, "errors", "responses", SCRIPT), values) + (
        f'local fast_path = require("{SCRIPT}")\n'
        "function envoy_on_request(handle) fast_path.check(handle) end\n"
        "function envoy_on_response(handle) fast_path.finish(handle) end\n"
    )
