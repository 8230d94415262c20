"""Embeds a worker in the gateway's Envoy configuration: one process, and one hop.

Both ports share one listener and one filter chain, since each configuration of the filter that runs Python starts an
event loop of its own. Routes distinguish the ports: on the gRPC port no script precedes the worker. On either port,
calls served by other processes are routed to their sockets.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from housing.services import SERVICES
from housing_server.gateway import fast_path
from housing_server.gateway.embedded_routes import LUA, PORT, SERVER, TRANSCODER, WORKER, EmbeddedRoutes
from housing_server.gateway.json_schema import bodies_by_route
from housing_server.gateway.local_replies import local_replies
from housing_server.gateway.upstreams import Upstream, cluster, nowhere

_Data = dict[str, Any]
_TYPES = "type.googleapis.com/envoy.extensions.filters"

_WINDOW_BYTES = 1 << 20
"""HTTP/2 flow-control window of a call: about the size of the largest batch."""
_FURTHER_STATS = {
    "safe_regex": {"regex": r"cluster\.(recorder|explainer)\.upstream_(cx_active|rq_active|rq_retry|rq_time)"}
}
_LOGGED = {
    # The worker logs its own calls. All others have passed requests.lua, or failed in Envoy.
    "or_filter": {
        "filters": [
            {
                "metadata_filter": {
                    "matcher": {"filter": "housing", "path": [{"key": "request"}], "value": {"present_match": True}},
                    "match_if_key_not_found": False,
                }
            },
            {"response_flag_filter": {}},
        ]
    }
}
_FILE_LOG = "type.googleapis.com/envoy.extensions.access_loggers.file.v3.FileAccessLog"
_KEEP_PORT: _Data = {
    "name": "envoy.filters.network.set_filter_state",
    "typed_config": {
        "@type": f"{_TYPES}.network.set_filter_state.v3.Config",
        "on_new_connection": [
            {
                "object_key": PORT,
                "factory_key": "envoy.string",
                "format_string": {"text_format_source": {"inline_string": "%DOWNSTREAM_LOCAL_PORT%"}},
            }
        ],
    },
}
"""Stores the local port in the state of each connection, for the routes to match."""
_ADDED_HEADERS = (
    "x-caller-request-id",
    "x-caller-grpc-timeout",
    "x-caller-head-bytes",
    "x-forwarded-for",
    "x-forwarded-proto",
    "x-envoy-external-address",
    "x-envoy-internal",
)
_PLAIN_HEADERS: _Data = {
    "name": "envoy.filters.http.header_mutation",
    "typed_config": {
        "@type": f"{_TYPES}.http.header_mutation.v3.HeaderMutation",
        "mutations": {
            "request_mutations": [
                {
                    "append": {
                        "header": {"key": "x-request-id", "value": "%REQ(X-CALLER-REQUEST-ID?X-REQUEST-ID)%"},
                        "append_action": "OVERWRITE_IF_EXISTS_OR_ADD",
                    }
                },
                *({"remove": name} for name in _ADDED_HEADERS),
            ]
        },
    },
}
"""Restores the headers that the client has sent, where requests.lua does not."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Embedding:
    """Parameters of an Envoy with a worker in it, in addition to those of a gateway."""

    host: str
    """Address to listen on for gRPC."""
    port: int
    """Port to listen on for gRPC, shared with other workers."""
    names: Sequence[str] | None = None
    """Names by which requests may address that port, beside numbers; None for any."""
    front_names: Sequence[str] | None = None
    """Names by which they may address the port for JSON."""
    max_connection_age_seconds: float
    """Age at which a connection is asked to reconnect, so that load spreads over new workers."""
    max_concurrent_streams: int
    """The most calls in flight on one connection."""
    unresponsive_seconds: float
    """How long a thread of Envoy may hang before the process ends; 0 for no limit."""
    upstreams: Sequence[Upstream]
    """Processes that answer the other methods."""
    access_log: str = "/dev/stdout"
    """File that Envoy appends the lines of its access log to."""


def embed(gateway: Mapping[str, Any], embedding: Embedding, python_filter: Mapping[str, Any]) -> _Data:
    """Return the configuration of an Envoy that answers with a worker in it.

    Args:
        gateway: the configuration of a gateway.
        embedding: parameters of the worker.
        python_filter: the HTTP filter that runs the worker.
    """
    config: _Data = copy.deepcopy(dict(gateway))
    config["watchdogs"] = _watchdogs(embedding.unresponsive_seconds)
    config["stats_config"]["stats_matcher"]["inclusion_list"]["patterns"].append(_FURTHER_STATS)
    resources = config["static_resources"]
    (listener,) = resources["listeners"]
    address = {"socket_address": {"address": embedding.host, "port_value": embedding.port}}
    listener["additional_addresses"] = [{"address": address}]
    (chain,) = listener["filter_chains"]
    _change_manager(chain["filters"][0]["typed_config"], embedding, python_filter)
    chain["filters"].insert(0, _KEEP_PORT)
    kept = [each for each in resources["clusters"] if each["name"] not in {SERVER, "admin"}]
    resources["clusters"] = [nowhere(WORKER), *kept, *map(cluster, embedding.upstreams)]
    return config


def _watchdogs(seconds: float) -> _Data:
    """Return watchdogs that abort Envoy when a thread of it hangs, which pings to the interpreter do not detect."""
    limits = {"kill_timeout": f"{seconds:.3f}s"} if seconds else {}
    return {"main_thread_watchdog": limits, "worker_watchdog": limits}


def _change_manager(manager: _Data, embedding: Embedding, python_filter: Mapping[str, Any]) -> None:
    """Change the connection manager of a gateway in place."""
    manager["server_name"] = "housing-server"
    manager["common_http_protocol_options"]["max_connection_duration"] = f"{embedding.max_connection_age_seconds:.3f}s"
    manager["http2_protocol_options"] |= {
        "max_concurrent_streams": embedding.max_concurrent_streams,
        "initial_stream_window_size": _WINDOW_BYTES,
        "initial_connection_window_size": 4 * _WINDOW_BYTES,
    }
    for log in manager["access_log"]:
        log["filter"] = {"and_filter": {"filters": [log["filter"], _LOGGED]}} if "filter" in log else _LOGGED
        log["name"] = "envoy.access_loggers.file"
        log["typed_config"] |= {"@type": _FILE_LOG, "path": embedding.access_log}
    manager["local_reply_config"] = local_replies([method for each in embedding.upstreams for method in each.methods])
    filters = manager["http_filters"]
    (early,) = manager["early_header_mutation_extensions"]
    early["typed_config"]["mutations"].append(fast_path.HEAD_BYTES)
    configs = {each["name"]: each["typed_config"] for each in filters}
    configs[LUA]["source_codes"] = {fast_path.SCRIPT: {"inline_string": fast_path.source(bodies_by_route(SERVICES))}}
    filters.insert(0, _PLAIN_HEADERS)
    filters.insert(-1, dict(python_filter))  # before the router
    (host,) = manager["route_config"]["virtual_hosts"]
    host["routes"] = EmbeddedRoutes(
        grpc_port=embedding.port,
        names=embedding.names,
        front_names=embedding.front_names,
        transcoder=configs[TRANSCODER],
        upstreams=embedding.upstreams,
        filters=[each["name"] for each in filters[:-1]],
        python=str(python_filter["name"]),
        plain_headers=_PLAIN_HEADERS["name"],
    ).all(host["routes"])
