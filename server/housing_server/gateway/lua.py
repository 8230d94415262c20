"""Lua for Envoy: scripts of this folder joined into one source, with the values that they need from the contract."""

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from google.protobuf.descriptor import EnumDescriptor
from google.rpc.code_pb2 import Code

from housing.features import FEATURE_NAMES
from housing.reasons import DOMAIN, REASONS
from housing.routes import GATEWAY_METRICS_PATH, PAGES, ROUTES, STATUS_PATH, Route, grpc_path, methods_of
from housing_server.gateway.local_replies import reasons_by_text
from housing_server.gateway.pages import files
from housing_server.limits import LARGE_BODY_BYTES, MAX_BODY_BYTES, MAX_HEADER_BYTES, MAX_REQUEST_ID_BYTES

_HERE = Path(__file__).parent
_NAMELESS = "housing-gateway"
"""What Envoy calls the host of a request that names none, in HTTP/1.0."""
_MODEL_SERVICE = "housing.v1.ModelService"


def source(*scripts: str, max_bodies_bytes: int, names: Sequence[str] | None = None) -> str:
    """Return the source of a Lua filter that checks requests and finishes responses.

    Args:
        scripts: the scripts of this folder to include, by the names that `require` gets.
        max_bodies_bytes: how much memory request bodies in flight may take, on each of Envoy's threads.
        names: by which requests may address this Envoy, beside numbers; None for any.
    """
    values = contract_values() | {"max_bodies_bytes": max_bodies_bytes}
    if names is not None:
        values["names"] = dict.fromkeys([*names, _NAMELESS], True)
    return preloaded(scripts, {"contract": values}) + (
        'local requests, responses = require("requests"), require("responses")\n'
        "function envoy_on_request(handle) requests.check(handle) end\n"
        "function envoy_on_response(handle) responses.finish(handle) end\n"
    )


def preloaded(scripts: Iterable[str], values: Mapping[str, object]) -> str:
    """Return the beginning of a filter's source: what its `require` finds.

    Args:
        scripts: names of scripts of this folder.
        values: further values by name; `reasons` is there by itself.
    """
    texts = {name: (_HERE / f"{name}.lua").read_text("utf-8") for name in scripts}
    texts |= {name: f"return {literal(value)}\n" for name, value in {"reasons": reasons_values(), **values}.items()}
    return "".join(f'package.preload["{name}"] = function()\n{text}end\n' for name, text in texts.items())


def contract_values() -> dict[str, object]:
    """Return the table that scripts load by `require("contract")`."""
    return {
        "fields": list(FEATURE_NAMES),
        "routes": _verbs(route for route in ROUTES if "{" not in route.path) | dict.fromkeys([*PAGES, *files()], "GET"),
        "patterns": {path_pattern(path): verbs for path, verbs in _verbs(ROUTES).items() if "{" in path},
        "body_fields": {route.path: route.body for route in ROUTES if route.body not in {"", "*"}},
        "cacheable": {
            route.path: True
            for route in ROUTES
            if route.method.containing_service.full_name == _MODEL_SERVICE and route.verb == "GET"
        },
        "files": dict.fromkeys(files(), True),
        "status_path": STATUS_PATH,
        "enums": {enum.name: " or ".join(list(enum.values_by_name)[1:]) for enum in _enums()},
        "replies": reasons_by_text(),
        "metrics_path": GATEWAY_METRICS_PATH,
        "max_body_bytes": MAX_BODY_BYTES,
        "large_body_bytes": LARGE_BODY_BYTES,
        "max_header_bytes": MAX_HEADER_BYTES,
        "max_request_id_bytes": MAX_REQUEST_ID_BYTES,
    }


def reasons_values() -> dict[str, object]:
    """Return the table of `require("reasons")`: the contract's reasons by name, and the names of codes."""
    by_name = {name: {"code": each.code, "http_status": each.http_status} for name, each in REASONS.items()}
    codes = dict(zip(Code.values(), Code.keys(), strict=True))
    return {"domain": DOMAIN, "by_name": by_name, "codes": codes}


def streaming_paths() -> list[str]:
    """Return the gRPC paths of the streaming methods."""
    return [grpc_path(method) for method in methods_of() if method.client_streaming or method.server_streaming]


def _verbs(routes: Iterable[Route]) -> dict[str, str]:
    """Return the HTTP methods of each path, separated by a comma and a space."""
    verbs: dict[str, list[str]] = {}
    for route in routes:
        verbs.setdefault(route.path, []).append(route.verb)
    return {path: ", ".join(sorted(found)) for path, found in verbs.items()}


def path_pattern(path: str) -> str:
    """Return a path with `{field}` as a Lua pattern."""
    return "^" + re.sub(r"{[^}]*}", "[^/]+", re.sub(r"([-.+])", r"%\1", path)) + "$"


def literal(value: object) -> str:
    """Return a value as a Lua literal: strings, numbers, booleans, and lists and mappings of these."""
    if isinstance(value, Mapping):
        return "{" + ",".join(f"[{literal(key)}]={literal(each)}" for key, each in value.items()) + "}"
    if isinstance(value, list):
        return "{" + ",".join(map(literal, value)) + "}"
    return json.dumps(value)  # ASCII strings, numbers and booleans are spelt the same in both languages


def _enums() -> Iterator[EnumDescriptor]:
    for method in methods_of():
        yield from (field.enum_type for field in method.input_type.fields if field.enum_type is not None)
