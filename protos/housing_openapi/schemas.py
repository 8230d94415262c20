"""JSON schemas of messages, with the rules that the contract has for their fields."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from google.protobuf.descriptor import Descriptor, EnumDescriptor, FieldDescriptor

from buf.validate import validate_pb2
from housing.v1 import annotations_pb2

Schema = dict[str, Any]

_UINT32_LIMIT = 2**32 - 1
_STATUS: Schema = {
    "type": "object",
    "description": "An error as gRPC has it: `google.rpc.Status`.",
    "required": ["code", "message"],
    "properties": {
        "code": {"type": "integer", "description": "The gRPC status code, a number of `google.rpc.Code`."},
        "message": {"type": "string", "description": "What is wrong, for people."},
        "details": {
            "type": "array",
            "description": "`BadRequest` lists the fields at fault; `ErrorInfo`, the last, has the reason; `RetryInfo` "
            "says when to try again.",
            "items": {
                "type": "object",
                "required": ["@type"],
                "properties": {
                    "@type": {"type": "string"},
                    "field_violations": {
                        "type": "array",
                        "items": {
                            "type": "object",
                            "properties": {
                                "field": {"type": "string", "description": "Path of the field."},
                                "reason": {"type": "string", "description": "Id of the rule that it breaks."},
                                "description": {"type": "string", "description": "What it must be, for people."},
                            },
                        },
                    },
                    "reason": {"type": "string", "description": "A stable name, for programs."},
                    "domain": {"type": "string"},
                    "metadata": {"type": "object", "additionalProperties": {"type": "string"}},
                    "retryDelay": {"type": "string", "examples": ["0.500s"]},
                },
            },
        },
    },
}
_WELL_KNOWN: Mapping[str, Schema] = {
    "google.protobuf.Timestamp": {"type": "string", "format": "date-time", "examples": ["2026-03-01T12:30:00Z"]},
    "google.protobuf.Duration": {"type": "string", "examples": ["1.5s"]},
    "google.rpc.Status": {"$ref": "#/components/schemas/Status"},
}
_SCALARS: Mapping[int, Schema] = {
    FieldDescriptor.TYPE_DOUBLE: {"type": "number"},
    FieldDescriptor.TYPE_FLOAT: {"type": "number"},
    FieldDescriptor.TYPE_BOOL: {"type": "boolean"},
    FieldDescriptor.TYPE_STRING: {"type": "string"},
    FieldDescriptor.TYPE_BYTES: {"type": "string", "format": "byte"},
    FieldDescriptor.TYPE_UINT32: {"type": "integer", "minimum": 0, "maximum": _UINT32_LIMIT},
    FieldDescriptor.TYPE_INT32: {"type": "integer", "minimum": -(2**31), "maximum": 2**31 - 1},
}


class Schemas:
    """Builds schemas, and collects those that they refer to."""

    def __init__(self, comments: Mapping[str, str]) -> None:
        """Start with the schema of errors.

        Args:
            comments: by full name.
        """
        self._comments = comments
        self.collected: dict[str, Schema] = {"Status": _STATUS}
        """Schemas by name."""

    def reference(self, message: Descriptor) -> Schema:
        """Return a reference to the schema of a message, which is collected."""
        if message.full_name in _WELL_KNOWN:
            return dict(_WELL_KNOWN[message.full_name])
        if message.name not in self.collected:
            self.collected[message.name] = {}  # messages may refer to each other
            self.collected[message.name] = self._object(message)
        return {"$ref": f"#/components/schemas/{message.name}"}

    def field(self, field: FieldDescriptor) -> Schema:
        """Return the schema of a field: its type, rules and comment."""
        rules: validate_pb2.FieldRules = field.GetOptions().Extensions[validate_pb2.field]
        schema = self._value(field, rules)
        if field.full_name in self._comments:
            schema["description"] = self._comments[field.full_name]
        if unit := field.GetOptions().Extensions[annotations_pb2.unit]:
            schema["x-unit"] = unit
        return schema

    def _object(self, message: Descriptor) -> Schema:
        fields = {field.name: self.field(field) | {"x-field": field.number} for field in message.fields}
        schema: Schema = {"type": "object", "description": self._comments.get(message.full_name, "")}
        rules = [rule.message for rule in _options(message).cel]
        if rules:
            ids = [rule.id for rule in _options(message).cel]
            schema["x-rules"] = [{"id": name, "message": text} for name, text in zip(ids, rules, strict=True)]
        schema["properties"] = fields
        if required := [field.name for field in message.fields if _is_required(field)]:
            schema["required"] = required
        return schema

    def _value(self, field: FieldDescriptor, rules: validate_pb2.FieldRules) -> Schema:
        if field.message_type is not None and field.message_type.GetOptions().map_entry:
            return {"type": "object", "additionalProperties": self._single(field.message_type.fields_by_name["value"])}
        if field.is_repeated:
            items = self._single(field) | dict(_bounds(rules.repeated.items))
            counts = {"minItems": rules.repeated.min_items, "maxItems": rules.repeated.max_items}
            return {"type": "array", "items": items} | {name: count for name, count in counts.items() if count}
        return self._single(field) | dict(_bounds(rules))

    def _single(self, field: FieldDescriptor) -> Schema:
        if field.message_type is not None:
            return self.reference(field.message_type)
        if field.enum_type is not None:
            return self._enum(field.enum_type)
        return dict(_SCALARS[field.type])

    def _enum(self, enum: EnumDescriptor) -> Schema:
        names = [value.name for value in enum.values]
        meanings = {name: self._comments.get(f"{enum.full_name}.{name}", "") for name in names}
        self.collected.setdefault(enum.name, {"type": "string", "enum": names, "x-meanings": meanings})
        return {"$ref": f"#/components/schemas/{enum.name}"}


def _options(message: Descriptor) -> validate_pb2.MessageRules:
    rules: validate_pb2.MessageRules = message.GetOptions().Extensions[validate_pb2.message]
    return rules


def _is_required(field: FieldDescriptor) -> bool:
    rules: validate_pb2.FieldRules = field.GetOptions().Extensions[validate_pb2.field]
    return bool(rules.required or rules.repeated.min_items)


def _bounds(rules: validate_pb2.FieldRules) -> Iterator[tuple[str, Any]]:
    """Yield the keywords for the rules of a number or a text; other rules are in the comment's words."""
    kind = rules.WhichOneof("type")
    if kind in _SCALAR_RULES:
        for rule, value in getattr(rules, str(kind)).ListFields():
            if rule.name in _KEYWORDS:
                yield _KEYWORDS[rule.name](value)


_SCALAR_RULES = {"double", "float", "int32", "uint32", "string"}


_KEYWORDS: Mapping[str, Callable[[Any], tuple[str, Any]]] = {
    "gte": lambda value: ("minimum", value),
    "lte": lambda value: ("maximum", value),
    "gt": lambda value: ("exclusiveMinimum", value),
    "lt": lambda value: ("exclusiveMaximum", value),
    "in": lambda value: ("enum", list(value)),
    "min_len": lambda value: ("minLength", value),
    "max_len": lambda value: ("maxLength", value),
    "pattern": lambda value: ("pattern", value),
    "uuid": lambda _: ("format", "uuid"),
}
