"""Lua for Envoy: scripts of this folder joined into one source, with the values that they need from the contract."""

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path

from google.api import annotations_pb2
from google.protobuf.descriptor import EnumDescriptor, MethodDescriptor
from google.protobuf.descriptor_pool import Default
from google.rpc.code_pb2 import Code

from housing.contract import FEATURE_NAMES, SERVICES
from housing.reasons import DOMAIN, REASONS
from housing_server.limits import LARGE_BODY_BYTES, MAX_BODY_BYTES, MAX_HEADER_BYTES, MAX_REQUEST_ID_BYTES

_HERE = Path(__file__).parent
_MODEL_SERVICE = "housing.v1.ModelService"
_PAGES = ("/", "/metrics")

METRICS_PATH = "/gateway/metrics"
"""Path of Envoy's own metrics."""


def source(*modules: str, max_bodies_bytes: int) -> str:
    """Return the source of a Lua filter that checks requests and finishes responses.

    Args:
        modules: the scripts of this folder to include, by the names that `require` gets.
        max_bodies_bytes: how much memory request bodies in flight may take, on each of Envoy's threads.
    """
    values = contract_values() | {"max_bodies_bytes": max_bodies_bytes}
    texts = {name: (_HERE / f"{name}.lua").read_text("utf-8") for name in modules}
    texts["contract"] = f"return {literal(values)}\n"
    texts["reasons"] = reasons_module()
    preloaded = (f'package.preload["{name}"] = function()\n{text}end\n' for name, text in texts.items())
    return "".join(preloaded) + (
        'local requests, responses = require("requests"), require("responses")\n'
        "function envoy_on_request(handle) requests.check(handle) end\n"
        "function envoy_on_response(handle) responses.finish(handle) end\n"
    )


def contract_values() -> dict[str, object]:
    """Return the table that scripts load by `require("contract")`."""
    routes = list(_routes())
    return {
        "fields": list(FEATURE_NAMES),
        "routes": {path: verb for path, verb, _ in routes if "{" not in path}
        | dict.fromkeys((*_PAGES, METRICS_PATH), "GET"),
        "patterns": [_pattern(path) for path, _, _ in routes if "{" in path],
        "body_fields": {path: body for path, _, method in routes if (body := _body(method)) not in {"", "*"}},
        "cacheable": {
            path: True for path, _, method in routes if method.containing_service.full_name == _MODEL_SERVICE
        },
        "enums": {enum.name: " or ".join(list(enum.values_by_name)[1:]) for enum in _enums()},
        "metrics_path": METRICS_PATH,
        "max_body_bytes": MAX_BODY_BYTES,
        "large_body_bytes": LARGE_BODY_BYTES,
        "max_header_bytes": MAX_HEADER_BYTES,
        "max_request_id_bytes": MAX_REQUEST_ID_BYTES,
    }


def reasons_module() -> str:
    """Return the source of `require("reasons")`: the contract's reasons by name, and the names of codes."""
    by_name = {name: {"code": each.code, "http_status": each.http_status} for name, each in REASONS.items()}
    codes = dict(zip(Code.values(), Code.keys(), strict=True))
    return f"return {literal({'domain': DOMAIN, 'by_name': by_name, 'codes': codes})}\n"


def streaming_paths() -> list[str]:
    """Return the gRPC paths of the streaming methods."""
    return [
        f"/{method.containing_service.full_name}/{method.name}"
        for method in _methods()
        if method.client_streaming or method.server_streaming
    ]


def literal(value: object) -> str:
    """Return a value as a Lua literal: strings, numbers, booleans, and lists and mappings of these."""
    if isinstance(value, Mapping):
        return "{" + ",".join(f"[{literal(key)}]={literal(each)}" for key, each in value.items()) + "}"
    if isinstance(value, list):
        return "{" + ",".join(map(literal, value)) + "}"
    return json.dumps(value)  # ASCII strings, numbers and booleans are spelt the same in both languages


def _methods() -> Iterator[MethodDescriptor]:
    pool = Default()
    for service in SERVICES:
        yield from pool.FindServiceByName(service).methods


def _routes() -> Iterator[tuple[str, str, MethodDescriptor]]:
    """Yield path, HTTP method and RPC of each JSON route."""
    for method in _methods():
        rule = method.GetOptions().Extensions[annotations_pb2.http]
        verb = rule.WhichOneof("pattern")
        if verb:
            yield getattr(rule, verb), verb.upper(), method


def _body(method: MethodDescriptor) -> str:
    return str(method.GetOptions().Extensions[annotations_pb2.http].body)


def _pattern(path: str) -> str:
    """Return a path with `{field}` as a Lua pattern."""
    return "^" + re.sub(r"{[^}]*}", "[^/]+", re.sub(r"([-.+])", r"%\1", path)) + "$"


def _enums() -> Iterator[EnumDescriptor]:
    for method in _methods():
        yield from (field.enum_type for field in method.input_type.fields if field.enum_type is not None)
