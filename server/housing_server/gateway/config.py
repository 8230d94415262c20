"""Envoy's configuration: the template beside this module, filled in from addresses, limits and the contract."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from string import Template
from typing import TYPE_CHECKING, Any

import yaml

from housing.descriptors import descriptor_set
from housing.ports import GRPC_PORT
from housing.routes import GATEWAY_METRICS_PATH, METRICS_PATH
from housing.services import SERVICES
from housing_server import limits
from housing_server.core.peer_addresses import PeerAddresses
from housing_server.gateway.json_schema import bodies_by_route, strict_json_source
from housing_server.gateway.lua import source, streaming_paths
from housing_server.gateway.pages import MAX_FILE_BYTES, add_pages
from housing_server.gateway.tls import downstream, upstream
from housing_server.gateway.tracing import collector, tracing
from housing_server.system.tls import TlsFiles

if TYPE_CHECKING:
    from housing_server.observability.tracing_options import TracingOptions
    from housing_server.settings import GatewaySettings

_TEMPLATE = Path(__file__).with_name("envoy.yaml")
_SCRIPTS = ("status", "requests", "errors", "responses")
_BODIES_SHARE = 0.25
"""Share of Envoy's heap for request bodies in flight; processing them takes twice as much again."""

_FAILED = {
    "status_code_filter": {
        "comparison": {"op": "GE", "value": {"default_value": 500, "runtime_key": "housing.least_status_logged"}}
    }
}
"""What the access log has where requests that went well are not logged."""

_PEERS: dict[PeerAddresses, str] = {
    "full": "%DOWNSTREAM_REMOTE_ADDRESS%",
    "truncated": "%DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT(24)%",
    "none": "",
}
"""What the access log has of a caller's address."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Front:
    """A listener for JSON, gRPC-Web and gRPC, and its backends."""

    process: str = "gateway"
    """Process name in the access log."""
    host: str
    """Address to listen on."""
    port: int
    """Port to listen on."""
    grpc_host: str = "127.0.0.1"
    """Host of the gRPC services; several are separated by commas."""
    grpc_port: int = GRPC_PORT
    """Port of the gRPC services."""
    metrics_host: str
    """Host of metrics."""
    metrics_port: int
    """Port of metrics."""
    heap_mb: int
    """Memory limit of Envoy in MiB, beside its program."""
    threads: int = 1
    """Threads of Envoy that handle requests."""
    max_connections: int = 10_000
    """The most open connections."""
    tls: TlsFiles | None = None
    """Certificate for callers; None for plaintext."""
    peer_addresses: PeerAddresses = "full"
    """How much of callers' addresses is logged."""
    cors_origins: Sequence[str] = ()
    """Origins of web pages that may call, such as `https://shop.example`."""
    shows_metrics: bool = True
    """Whether the metrics of service and gateway can be read here."""
    logs_all: bool = True
    """Whether requests are logged that have not failed by the service's fault."""
    upstream_tls: dict[str, Any] | None = None
    """Transport socket for connections to the gRPC services; None for plaintext."""


def render(settings: GatewaySettings, options: TracingOptions | None, folder: Path, admin_socket: Path) -> Path:
    """Write the gateway's configuration, and the descriptor set that it names, into a folder.

    Args:
        settings: of the gateway.
        options: of tracing; None to trace nothing.
        folder: created when missing.
        admin_socket: the Unix socket of Envoy's admin interface, relative to the folder Envoy runs in.

    Returns:
        Path of the configuration.

    Raises:
        StartError: Envoy does not support the tracing options.
    """
    front = Front(
        host=settings.gateway_host,
        port=settings.gateway_port,
        grpc_host=settings.grpc_host,
        grpc_port=settings.grpc_port,
        metrics_host=settings.metrics_host,
        metrics_port=settings.metrics_port,
        heap_mb=settings.gateway_heap_mb,
        threads=settings.gateway_threads,
        tls=settings.tls,
        peer_addresses=settings.peer_addresses,
        cors_origins=settings.origins,
        shows_metrics=settings.shows_metrics,
        logs_all=settings.log_level == "info",
        upstream_tls=_upstream_tls(settings),
    )
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    return write(configuration(front, options, folder, admin_socket), folder / "envoy.json")


def configuration(front: Front, options: TracingOptions | None, folder: Path, admin_socket: Path) -> dict[str, Any]:
    """Write the contract's descriptor set into a folder, and return Envoy's configuration, which refers to it.

    Args:
        front: the listener and its backends.
        options: of tracing; None when requests are not traced.
        folder: folder of the descriptor set.
        admin_socket: the Unix socket of Envoy's admin interface.

    Raises:
        StartError: Envoy does not support the tracing options.
    """
    descriptors = (folder / "housing.binpb").absolute()
    write_whole(descriptors, descriptor_set().SerializeToString())
    values = _values(front, options) | {"descriptor_set": str(descriptors), "admin_socket": str(admin_socket)}
    # JSON is YAML: whatever a value contains, it remains one value.
    written = {name: json.dumps(value) for name, value in values.items()}
    written["collector_cluster"] = f"- {json.dumps(collector(options))}" if options else ""
    filled: dict[str, Any] = yaml.safe_load(Template(_TEMPLATE.read_text("utf-8")).substitute(written))
    filled["node"] = {"id": front.process, "cluster": "housing"}  # without, Envoy reads no secrets from files
    _encrypt(filled["static_resources"], front, folder)
    add_pages(filled)
    if not front.shows_metrics:
        _hide_metrics(filled["static_resources"])
    if not front.logs_all:
        _log_failures_only(filled["static_resources"])
    return filled


def _log_failures_only(resources: dict[str, Any]) -> None:
    manager = resources["listeners"][0]["filter_chains"][0]["filters"][0]["typed_config"]
    for log in manager["access_log"]:
        log["filter"] = _FAILED


def _hide_metrics(resources: dict[str, Any]) -> None:
    """Remove the routes to metrics: their paths are unknown then."""
    manager = resources["listeners"][0]["filter_chains"][0]["filters"][0]["typed_config"]
    (host,) = manager["route_config"]["virtual_hosts"]
    hidden = {METRICS_PATH, GATEWAY_METRICS_PATH}
    host["routes"] = [route for route in host["routes"] if route["match"].get("path") not in hidden]


def _encrypt(resources: dict[str, Any], front: Front, folder: Path) -> None:
    """Add TLS to the listener, and to the cluster of the gRPC services."""
    if front.tls is not None:
        (chain,) = resources["listeners"][0]["filter_chains"]
        chain["transport_socket"] = downstream(front.tls, folder)
        if front.tls.client_ca:
            # What callers send as such a header themselves is removed.
            manager = chain["filters"][0]["typed_config"]
            manager["forward_client_cert_details"] = "SANITIZE_SET"
            manager["set_current_client_cert_details"] = {"uri": True, "dns": True}
    if front.upstream_tls is not None:
        (services,) = (each for each in resources["clusters"] if each["name"] == "prediction")
        services["transport_socket"] = front.upstream_tls


def _upstream_tls(settings: GatewaySettings) -> dict[str, Any] | None:
    if settings.ca_file is None:
        return None
    own = (str(path or "") for path in (settings.client_certificate, settings.client_key))
    return upstream(_hosts(settings.grpc_host), str(settings.ca_file), *own)


def _hosts(text: str) -> list[str]:
    return [host.strip() for host in text.split(",")]


def write(config: dict[str, Any], path: Path) -> Path:
    """Write a configuration as JSON; return its absolute path."""
    path.write_text(json.dumps(config, indent=1), encoding="utf-8")
    return path.absolute()


def write_whole(path: Path, data: bytes) -> None:
    """Write a file atomically: another worker may be reading it."""
    part = path.with_name(f"{path.name}.{os.getpid()}")
    part.write_bytes(data)
    part.replace(path)


def _values(front: Front, options: TracingOptions | None) -> dict[str, Any]:
    heap_bytes = front.heap_mb * 1024 * 1024
    bodies_bytes = int(heap_bytes * _BODIES_SHARE / front.threads)
    return {
        "process": front.process,
        "gateway_host": front.host,
        "gateway_port": front.port,
        "grpc_endpoints": [_endpoint(host, front.grpc_port) for host in _hosts(front.grpc_host)],
        "metrics_host": front.metrics_host,
        "metrics_port": front.metrics_port,
        "tracing": tracing(options) if options else None,
        "peer": _PEERS[front.peer_addresses],
        "cors_origins": [{"exact": origin} for origin in front.cors_origins],
        "services": list(SERVICES),
        "streaming_paths": "|".join([*map(_escaped, streaming_paths()), r"/grpc\..*"]),
        "metrics_path": METRICS_PATH,
        "gateway_metrics_path": GATEWAY_METRICS_PATH,
        "lua": source(*_SCRIPTS, max_bodies_bytes=bodies_bytes),
        "strict_json": strict_json_source(bodies_by_route(SERVICES)),
        "heap_bytes": heap_bytes,
        "max_connections": front.max_connections,
        "max_body_bytes": limits.MAX_BODY_BYTES,
        "max_streams": limits.MAX_STREAMS,
        "max_file_bytes": MAX_FILE_BYTES,
    }


def _endpoint(host: str, port: int) -> dict[str, Any]:
    return {"endpoint": {"address": {"socket_address": {"address": host, "port_value": port}}}}


def _escaped(path: str) -> str:
    return path.replace(".", r"\.")
