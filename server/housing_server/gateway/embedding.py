"""The gateway's configuration made that of an Envoy with a worker in it: one process, and one hop.

There is one listener with two ports and one chain of filters, since each configuration of the filter that runs Python
starts an event loop of its own. Routes tell the ports apart: on that for gRPC nothing stands between a call and the
worker. On either, calls that other processes of the service answer go straight to their sockets.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from housing_server.gateway.embedded_routes import PORT, SERVER, WORKER, EmbeddedRoutes
from housing_server.gateway.local_replies import local_replies
from housing_server.gateway.upstreams import Upstream, cluster, nowhere

_Data = dict[str, Any]
_TYPES = "type.googleapis.com/envoy.extensions.filters"

_WINDOW_BYTES = 1 << 20
"""How much a call may send ahead of what reads it; the largest batch is about as large."""
_FURTHER_STATS = {
    "safe_regex": {"regex": r"cluster\.(recorder|explainer)\.upstream_(cx_active|rq_active|rq_retry|rq_time)"}
}
_LOGGED = {
    # What the worker alone sees it logs itself. The rest has passed requests.lua, or ended in an error of Envoy's.
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
"""Has each connection keep the port that it came in by, for routes to be matched by."""
_ADDED_HEADERS = (
    "x-caller-request-id",
    "x-caller-grpc-timeout",
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
"""Makes the headers of a call what its caller has sent again; where scripts see it, they do so."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Embedding:
    """What an Envoy with a worker in it has beside what a gateway has."""

    host: str
    """Address to listen on for gRPC."""
    port: int
    """Port to listen on for gRPC, shared with other workers."""
    max_connection_age_seconds: float
    """After how long a connection is asked to reconnect, so that load spreads over new workers."""
    max_concurrent_streams: int
    """The most calls that a connection may have under way."""
    unresponsive_seconds: float
    """How long a thread of Envoy may hang before the process ends; 0 for ever."""
    upstreams: Sequence[Upstream]
    """The processes that answer what the worker does not."""


def embed(gateway: Mapping[str, Any], embedding: Embedding, python_filter: Mapping[str, Any]) -> _Data:
    """Return the configuration of an Envoy that answers with a worker in it.

    Args:
        gateway: the configuration of a gateway.
        embedding: what is to be different.
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
    """Have Envoy end itself when one of its threads hangs: the supervisor asks Python, and would not see it."""
    limits = {"kill_timeout": f"{seconds:.3f}s"} if seconds else {}
    return {"main_thread_watchdog": limits, "worker_watchdog": limits}


def _change_manager(manager: _Data, embedding: Embedding, python_filter: Mapping[str, Any]) -> None:
    """Change the connection manager of a gateway."""
    manager["server_name"] = "housing-server"
    manager["common_http_protocol_options"]["max_connection_duration"] = f"{embedding.max_connection_age_seconds:.3f}s"
    manager["http2_protocol_options"] |= {
        "max_concurrent_streams": embedding.max_concurrent_streams,
        "initial_stream_window_size": _WINDOW_BYTES,
        "initial_connection_window_size": 4 * _WINDOW_BYTES,
    }
    for log in manager["access_log"]:
        log["filter"] = _LOGGED
    manager["local_reply_config"] = local_replies([each.grpc_paths for each in embedding.upstreams])
    filters = manager["http_filters"]
    filters[-1:-1] = [_PLAIN_HEADERS, dict(python_filter)]  # before the router
    (host,) = manager["route_config"]["virtual_hosts"]
    host["routes"] = EmbeddedRoutes(
        grpc_port=embedding.port,
        upstreams=embedding.upstreams,
        filters=[each["name"] for each in filters[:-1]],
        python=str(python_filter["name"]),
        plain_headers=_PLAIN_HEADERS["name"],
    ).all(host["routes"])
