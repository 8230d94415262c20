"""The schema of each HTTP route's JSON body, derived from the contract's descriptor for `strict_json.lua`."""

import re
from collections.abc import Iterable, Mapping
from typing import Any

from google.protobuf.descriptor import Descriptor, FieldDescriptor

from housing.routes import methods_of, routes_of
from housing_server.gateway.lua import path_pattern, preloaded

STRICT_SCRIPTS = ("status", "json_text", "json_message", "strict_json")
"""Scripts that read bodies strictly."""
_KINDS: dict[int, dict[str, object]] = {
    FieldDescriptor.TYPE_DOUBLE: {"kind": "number"},
    FieldDescriptor.TYPE_STRING: {"kind": "string"},
    FieldDescriptor.TYPE_BOOL: {"kind": "boolean"},
    FieldDescriptor.TYPE_INT32: {
        "kind": "integer",
        "minimum": -(2**31),
        "maximum": 2**31 - 1,
        "expected": "must be a whole number",
    },
    FieldDescriptor.TYPE_UINT32: {
        "kind": "integer",
        "minimum": 0,
        "maximum": 2**32 - 1,
        "expected": "must be a whole number, 0 or greater",
    },
}


def bodies_by_route(services: Iterable[str]) -> dict[str, dict[str, Any]]:
    """Return the schema of the body of each route that has one, by method and path, for example `POST /api/predict`.

    Args:
        services: full names of the services.

    Raises:
        ValueError: a route or a field is of a kind that the strict reader does not support.
    """
    bodies = {}
    for route in (route for method in methods_of(services) for route in routes_of(method) if route.body):
        in_path = re.findall(r"{(\w+)}", route.path)
        body = body_of(route.method.input_type, route.body)
        if in_path:
            # A field of the path is none of the body: which of two values counts would be the transcoder's choice.
            body["fields"] = [field for field in body["fields"] if field["name"] not in in_path]
            body["pattern"] = f"^{route.verb} {path_pattern(route.path)[1:]}"
        bodies[f"{route.verb} {route.path}"] = body
    return bodies


def body_of(request: Descriptor, body: str) -> dict[str, Any]:
    """Return the schema of a body.

    Args:
        request: the request message.
        body: the field of the request that is the body; `*` for the whole request.

    Raises:
        ValueError: a field is of a kind that the strict reader does not support.
    """
    if body == "*":
        return _shape(request)
    field = _field(request.fields_by_name[body], ())
    if field["list"] or field["kind"] != "message":
        raise ValueError(f"{request.full_name}.{body} is not a message, and is not supported as a body")
    return {**field["shape"], "within": body}


def _shape(message: Descriptor, above: tuple[Descriptor, ...] = ()) -> dict[str, Any]:
    if message in above:
        raise ValueError(f"{message.full_name} is recursive: its nesting has no limit")
    return {"fields": [_field(field, (*above, message)) for field in message.fields]}


def _field(field: FieldDescriptor, above: tuple[Descriptor, ...]) -> dict[str, Any]:
    oneof = field.containing_oneof
    if oneof is not None and len(oneof.fields) > 1:  # an optional field is in one of its own
        raise ValueError(f"{field.full_name} is in a oneof, which JSON bodies do not support")
    described = {"name": field.name, "json_name": field.json_name, "list": field.is_repeated}
    return described | _type(field, above)


def _type(field: FieldDescriptor, above: tuple[Descriptor, ...]) -> dict[str, Any]:
    if field.type in _KINDS:
        return _KINDS[field.type]
    if field.enum_type is not None:
        names = [value.name for value in field.enum_type.values]
        expected = f"must be one of {', '.join(names)}"
        return {"kind": "enum", "values": dict.fromkeys(names, True), "expected": expected}
    message = field.message_type
    if message is None or message.GetOptions().map_entry or message.file.package.startswith("google."):
        raise ValueError(f"{field.full_name} is of a type that JSON bodies do not support")
    return {"kind": "message", "shape": _shape(message, above)}


def strict_json_source(bodies: Mapping[str, Mapping[str, Any]]) -> str:
    """Return the source of the Lua filter that validates bodies strictly.

    Args:
        bodies: the schema of each route's body, as `bodies_by_route` returns it.
    """
    return preloaded(STRICT_SCRIPTS, {"bodies": bodies}) + (
        'function envoy_on_request(handle) require("strict_json").check(handle) end\n'
    )
