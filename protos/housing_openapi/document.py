"""The OpenAPI document."""

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from google.protobuf.descriptor import Descriptor, FieldDescriptor, MethodDescriptor, ServiceDescriptor
from google.protobuf.descriptor_pb2 import FileDescriptorSet
from google.protobuf.descriptor_pool import Default
from google.rpc.code_pb2 import Code

from housing.reasons import REASONS, Reason
from housing.roles import role_of
from housing.routes import ROUTES, Route, methods_of
from housing.services import SERVICES
from housing.v1.annotations_pb2 import Role
from housing.v1.error_reason_pb2 import ErrorReason
from housing_openapi.comments import comments_of
from housing_openapi.examples import EXAMPLES, INVALID, Example
from housing_openapi.schemas import Schemas

_OF_BODIES = {"INVALID_JSON", "BODY_TOO_LARGE", "UNSUPPORTED_MEDIA_TYPE", "REQUEST_TIMEOUT", "GATEWAY_OVERLOADED"}
_ELSEWHERE = {
    *("NO_SUCH_ROUTE", "METHOD_NOT_ALLOWED", "METHOD_NOT_FOUND", "SERVICE_NOT_FOUND"),
    *("UNDECODABLE_MESSAGE", "ENCODING_NOT_SUPPORTED"),
}
"""Reasons that no caller of a route of the document meets."""
_OF_METHODS = {"MODEL_PROFILE_NOT_FOUND": "GetModelProfile", "MODEL_CARD_NOT_FOUND": "GetModelCard"}
"""Methods by the reason that only they are refused for, where no comment names it."""
_DESCRIPTION = (
    "Predicts the median value of the homes in a California census block group, in 1990 US dollars. The same methods "
    "are available over gRPC and gRPC-Web. Every error is a `google.rpc.Status`; its `ErrorInfo` has a stable reason."
)

_Data = dict[str, Any]


def document(contract: FileDescriptorSet) -> _Data:
    """Return the OpenAPI 3.1 document of the contract's routes.

    Args:
        contract: the contract's files with their source information.
    """
    return _Writer(comments_of(contract)).document()


class _Writer:
    def __init__(self, comments: Mapping[str, str]) -> None:
        self._comments = comments
        self._schemas = Schemas(comments)
        self._responses: _Data = {}

    def document(self) -> _Data:
        """Return the document."""
        paths: _Data = {}
        for route in ROUTES:
            paths.setdefault(route.path, {})[route.verb.lower()] = self._operation(route)
        grpc = [self._service(Default().FindServiceByName(name)) for name in SERVICES]
        return {
            "openapi": "3.1.0",
            "info": {
                "title": "California house prices",
                "version": SERVICES[0].split(".")[1],
                "description": _DESCRIPTION,
                "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
            },
            "servers": [{"url": "/"}],
            "tags": [{"name": each["name"], "description": each["description"]} for each in grpc],
            "paths": paths,
            "components": {"schemas": self._schemas.collected, "responses": self._responses},
            "x-grpc": grpc,
            "x-reasons": [self._reason(each) for each in REASONS.values()],
        }

    def _operation(self, route: Route) -> _Data:
        method = route.method
        text = self._comments[method.full_name]
        example = EXAMPLES.get(method.name, Example())
        operation: _Data = {
            "operationId": method.name,
            "tags": [method.containing_service.name],
            "summary": _summary(method.name, text),
            "description": text,
            "x-role": _role(method),
        }
        if parameters := list(self._parameters(route, example)):
            operation["parameters"] = parameters
        if route.body:
            operation["requestBody"] = {"required": True, "content": self._body(route, example)}
        success = {"schema": self._schemas.reference(method.output_type)} | _shown(example.response)
        answered: _Data = {"description": "The response.", "content": {"application/json": success}}
        operation["responses"] = {"200": answered} | self._errors(route)
        return operation

    def _body(self, route: Route, example: Example) -> _Data:
        inner = None if route.body == "*" else route.method.input_type.fields_by_name[route.body].message_type
        schema = self._schemas.reference(inner or route.method.input_type)
        return {"application/json": {"schema": schema} | _shown(example.body)}

    def _parameters(self, route: Route, example: Example) -> Iterator[_Data]:
        in_path = set(re.findall(r"{(\w+)}", route.path))
        for name, field in _leaves(route.method.input_type):
            if route.body and name not in in_path:
                continue
            schema = self._schemas.field(field)
            parameter: _Data = {"name": name, "in": "path" if name in in_path else "query"}
            parameter["description"] = schema.pop("description", "")
            if name in in_path:
                parameter["required"] = True
            if name in example.parameters:
                parameter["example"] = example.parameters[name]
            yield parameter | {"schema": schema}

    def _errors(self, route: Route) -> _Data:
        by_status: dict[int, list[Reason]] = {}
        for reason in self._reasons(route):
            by_status.setdefault(reason.http_status, []).append(reason)
        return {
            str(status): self._shared(status, self._error(by_status[status], route)) for status in sorted(by_status)
        }

    def _shared(self, status: int, response: _Data) -> _Data:
        """Return a reference to a response, which is written once for all operations that have it."""
        same = [name for name, each in self._responses.items() if each == response]
        name = (
            same[0]
            if same
            else f"Error{status}{'_' * sum(each.startswith(f'Error{status}') for each in self._responses)}"
        )
        self._responses[name] = response
        return {"$ref": f"#/components/responses/{name}"}

    def _reasons(self, route: Route) -> Iterator[Reason]:
        """Yield the reasons that a route can be refused for: those of all, and those that its comments name."""
        own = self._named([route.method.full_name, route.method.containing_service.full_name])
        others = self._named([*SERVICES, *(method.full_name for method in methods_of())]) - own
        for reason in REASONS.values():
            about_bodies = reason.name in _OF_BODIES and not route.body
            is_of_another = _OF_METHODS.get(reason.name, route.method.name) != route.method.name
            if reason.http_status and not (reason.name in others | _ELSEWHERE or about_bodies or is_of_another):
                yield reason

    def _named(self, names: Iterable[str]) -> set[str]:
        text = " ".join(self._comments[name] for name in names)
        return {word for word in re.findall(r"\breasons? ([A-Z_]+)", text) if word in REASONS}

    def _error(self, reasons: list[Reason], route: Route) -> _Data:
        meanings = [f"`{reason.name}`: {self._meaning(reason)}" for reason in reasons]
        content: _Data = {"schema": {"$ref": "#/components/schemas/Status"}}
        if any(reason.name == "INVALID_REQUEST" for reason in reasons):
            content |= _shown(INVALID.get(route.method.name, Example()).response)
        return {"description": "\n\n".join(meanings), "content": {"application/json": content}}

    def _meaning(self, reason: Reason) -> str:
        enum = ErrorReason.DESCRIPTOR.full_name
        return self._comments[f"{enum}.ERROR_REASON_{reason.name}"]

    def _reason(self, reason: Reason) -> _Data:
        return {
            "reason": reason.name,
            "code": Code.Name(reason.code),
            "http_status": reason.http_status or None,
            "description": self._meaning(reason),
        }

    def _service(self, service: ServiceDescriptor) -> _Data:
        return {
            "name": service.name,
            "full_name": service.full_name,
            "description": self._comments[service.full_name],
            "methods": [self._method(method) for method in service.methods],
        }

    def _method(self, method: MethodDescriptor) -> _Data:
        for message in (method.input_type, method.output_type):
            self._schemas.reference(message)
        return {
            "name": method.name,
            "path": f"/{method.containing_service.full_name}/{method.name}",
            "description": self._comments[method.full_name],
            "request": method.input_type.name,
            "response": method.output_type.name,
            "role": _role(method),
            "streaming": method.client_streaming or method.server_streaming,
            "http": [f"{route.verb} {route.path}" for route in ROUTES if route.method is method],
        }


def _summary(name: str, comment: str) -> str:
    """Return the first sentence of a method's comment, without its name."""
    sentence = comment.partition("\n")[0].partition(". ")[0].removesuffix(".").removeprefix(f"{name} ")
    return sentence[0].upper() + sentence[1:]


def _role(method: MethodDescriptor) -> str:
    """Return the name of the role that a caller needs, for example `operate`."""
    return Role.Name(role_of(method)).removeprefix("ROLE_").lower()


def _shown(example: Any) -> _Data:
    return {} if example is None else {"example": example}


def _leaves(message: Descriptor, prefix: str = "") -> Iterator[tuple[str, FieldDescriptor]]:
    """Yield the fields of a message as query parameters: those of messages within by their path."""
    for field in message.fields:
        inner = field.message_type
        if inner is not None and not inner.full_name.startswith("google.protobuf."):
            yield from _leaves(inner, f"{prefix}{field.name}.")
        else:
            yield prefix + field.name, field
