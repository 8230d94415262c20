"""The HTTP routes of the service: those that the contract gives its methods, and pages beside them."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from google.api import annotations_pb2, http_pb2
from google.protobuf.descriptor import MethodDescriptor
from google.protobuf.descriptor_pool import Default

from housing.services import SERVICES
from housing.v1 import status_service_pb2

METRICS_PATH = "/metrics"
"""Metrics of the service."""
GATEWAY_METRICS_PATH = "/gateway/metrics"
"""Metrics of the gateway."""

PAGES: Mapping[str, str] = {
    "/": "a page for people: prices on a map, explained",
    "/docs": "documentation of the API",
    "/ops": "a page for operators: predictions on record, drift, models",
    "/openapi.json": "the API as OpenAPI 3.1",
    METRICS_PATH: "metrics for Prometheus",
    GATEWAY_METRICS_PATH: "those of the gateway itself",
}
"""Paths that the gateway answers to GET beside the contract's routes, with what is there."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """A way to call a method by HTTP."""

    verb: str
    """The HTTP method, for example `POST`."""
    path: str
    """The path; `{field}` in it stands for a field of the request."""
    body: str
    """The field of the request that the body is; `*` for the whole request, empty for none."""
    method: MethodDescriptor
    """The method that is called."""


def methods_of(services: Iterable[str] = SERVICES) -> Iterator[MethodDescriptor]:
    """Yield the methods of services, given by full name."""
    for service in services:
        yield from Default().FindServiceByName(service).methods


def grpc_path(method: MethodDescriptor) -> str:
    """Return the path of a method's gRPC calls."""
    return f"/{method.containing_service.full_name}/{method.name}"


def routes_of(method: MethodDescriptor) -> Iterator[Route]:
    """Yield the routes of a method.

    Raises:
        ValueError: one is for an HTTP method that has no name in `google.api.http`.
    """
    rule: http_pb2.HttpRule = method.GetOptions().Extensions[annotations_pb2.http]
    for each in (rule, *rule.additional_bindings):
        verb = each.WhichOneof("pattern")
        if verb == "custom":
            raise ValueError(f"{method.full_name}: a route has one of HTTP's usual methods, not {each.custom.kind}")
        if verb is not None:
            yield Route(verb=verb.upper(), path=getattr(each, verb), body=each.body, method=method)


ROUTES: tuple[Route, ...] = tuple(route for method in methods_of() for route in routes_of(method))
"""The contract's routes, in the order of its services and methods."""


def _path_of(method: MethodDescriptor) -> str:
    return next(routes_of(method)).path


STATUS_PATH: str = _path_of(
    status_service_pb2.DESCRIPTOR.services_by_name["StatusService"].methods_by_name["GetStatus"]
)
"""The state of the service."""
