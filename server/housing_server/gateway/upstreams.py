"""Envoy clusters of the service's other processes."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from google.protobuf.descriptor import MethodDescriptor

from housing.routes import grpc_path, routes_of

_MAX_CALLS = 512
"""The most calls in flight to a process; further ones would mostly queue."""
_PROTOCOL = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions"


@dataclass(frozen=True, slots=True, kw_only=True)
class Upstream:
    """A process that answers some of the methods."""

    name: str
    """Name of its cluster."""
    socket: str
    """Path of its Unix socket."""
    methods: Sequence[MethodDescriptor]
    """Its methods."""


def grpc_matches(methods: Iterable[MethodDescriptor]) -> list[dict[str, Any]]:
    """Return matchers of the gRPC paths of methods: one each, since Envoy limits the size of a regular expression."""
    return [{"path": grpc_path(method)} for method in methods]


def json_matches(methods: Iterable[MethodDescriptor]) -> list[dict[str, Any]]:
    """Return matchers of the paths of the JSON routes of methods."""
    paths = dict.fromkeys(route.path for method in methods for route in routes_of(method))
    return [_match(path) for path in paths]


def _match(path: str) -> dict[str, Any]:
    if "{" not in path:
        return {"path": path}
    return {"safe_regex": {"regex": "[^/]+".join(map(re.escape, re.split(r"{[^}]*}", path)))}}


def cluster(upstream: Upstream) -> dict[str, Any]:
    """Return the cluster of a process."""
    endpoint = {"endpoint": {"address": {"pipe": {"path": upstream.socket}}}}
    limits = {"max_requests": _MAX_CALLS, "max_pending_requests": _MAX_CALLS, "max_retries": _MAX_CALLS}
    # Connections to a process that hangs are closed.
    http2 = {"connection_keepalive": {"interval": "30s", "timeout": "5s"}}
    return {
        "name": upstream.name,
        "type": "STATIC",
        "connect_timeout": "1s",
        "circuit_breakers": {"thresholds": [limits]},
        "load_assignment": {"cluster_name": upstream.name, "endpoints": [{"lb_endpoints": [endpoint]}]},
        "typed_extension_protocol_options": {
            _PROTOCOL: {
                "@type": f"type.googleapis.com/{_PROTOCOL}",
                "explicit_http_config": {"http2_protocol_options": http2},
            }
        },
    }


def nowhere(name: str) -> dict[str, Any]:
    """Return an empty cluster, for routes that need one and never reach it."""
    return {"name": name, "type": "STATIC", "load_assignment": {"cluster_name": name}}
