"""Envoy's configuration: the template beside this module, filled in from settings, limits and the contract."""

import json
from pathlib import Path
from string import Template
from typing import Any

from housing.descriptors import descriptor_set
from housing.routes import GATEWAY_METRICS_PATH, METRICS_PATH
from housing.services import SERVICES
from housing_server import limits
from housing_server.gateway.json_schema import bodies_by_route, strict_json_source
from housing_server.gateway.lua import source, streaming_paths
from housing_server.gateway.tracing import collector, tracing
from housing_server.observability.tracing_options import TracingOptions
from housing_server.settings import GatewaySettings

_TEMPLATE = Path(__file__).with_name("envoy.yaml")
_SCRIPTS = ("status", "requests", "errors", "responses")
_BODIES_SHARE = 0.25
"""Share of Envoy's heap for request bodies in flight; processing them takes twice as much again."""


def render(settings: GatewaySettings, options: TracingOptions | None, folder: Path, admin_socket: Path) -> Path:
    """Write Envoy's configuration, and the descriptor set that it names, into a folder.

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
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    descriptors, config = ((folder / name).absolute() for name in ("housing.binpb", "envoy.yaml"))
    descriptors.write_bytes(descriptor_set().SerializeToString())
    values = _values(settings, options) | {"descriptor_set": str(descriptors), "admin_socket": str(admin_socket)}
    # JSON is YAML: whatever a value contains, it remains one value.
    written = {name: json.dumps(value) for name, value in values.items()}
    written["collector_cluster"] = f"- {json.dumps(collector(options))}" if options else ""
    config.write_text(Template(_TEMPLATE.read_text("utf-8")).substitute(written), encoding="utf-8")
    return config


def _values(settings: GatewaySettings, options: TracingOptions | None) -> dict[str, Any]:
    heap_bytes = settings.gateway_heap_mb * 1024 * 1024
    bodies_bytes = int(heap_bytes * _BODIES_SHARE / settings.gateway_threads)
    return settings.model_dump(mode="json") | {
        "tracing": tracing(options) if options else None,
        "services": list(SERVICES),
        "streaming_paths": "|".join([*map(_escaped, streaming_paths()), r"/grpc\..*"]),
        "metrics_path": METRICS_PATH,
        "gateway_metrics_path": GATEWAY_METRICS_PATH,
        "lua": source(*_SCRIPTS, max_bodies_bytes=bodies_bytes),
        "strict_json": strict_json_source(bodies_by_route(SERVICES)),
        "heap_bytes": heap_bytes,
        "max_body_bytes": limits.MAX_BODY_BYTES,
        "max_streams": limits.MAX_STREAMS,
    }


def _escaped(path: str) -> str:
    return path.replace(".", r"\.")
