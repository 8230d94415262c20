"""Routes of an Envoy with a worker in it: they select the filters that process a request, and its destination.

A filter disabled by a route is not created for its requests.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from housing.exposure import authority_patterns
from housing.routes import GATEWAY_METRICS_PATH
from housing.services import PREDICTION_SERVICE
from housing_server.gateway import fast_path
from housing_server.gateway.upstreams import Upstream, grpc_matches, json_matches

_Route = dict[str, Any]

WORKER = "worker"
"""Name of the worker's cluster, which is empty: the worker's filter answers before the router is reached."""
SERVER = "prediction"
"""Name of the gateway's cluster of servers."""
PORT = "housing.port"
"""Key of the connection's local port in Envoy's filter state."""

LUA = "envoy.filters.http.lua"
"""Name of the filter of scripts that check heads and finish responses."""
TRANSCODER = "envoy.filters.http.grpc_json_transcoder"
"""Name of the filter that makes gRPC calls of JSON requests."""
_LUA_PER_ROUTE = "type.googleapis.com/envoy.extensions.filters.http.lua.v3.LuaPerRoute"
_OFF = {"@type": "type.googleapis.com/envoy.config.route.v3.FilterConfig", "disabled": True}
_UNLIMITED = {"cluster": WORKER, "timeout": "0s", "idle_timeout": "0s"}
"""Destination of calls to the worker over gRPC, which looks at deadlines itself."""
_UNARY_SECONDS = 120
"""Time limit of a call to another process on the gRPC port, unless the client sets a deadline."""
_RECONNECTING = {
    # For about a second: the process may be starting. Calls that may have been processed are not retried.
    "retry_on": "connect-failure,refused-stream",
    "num_retries": 10,
    "retry_back_off": {"base_interval": "0.2s", "max_interval": "0.2s"},
}


@dataclass(frozen=True, slots=True, kw_only=True)
class EmbeddedRoutes:
    """Builds the routes."""

    grpc_port: int
    """The gRPC port."""
    names: Sequence[str] | None
    """Names by which requests may address the gRPC port, beside numbers; None for any."""
    front_names: Sequence[str] | None
    """Names by which they may address the other port."""
    transcoder: _Route
    """Configuration of the transcoder."""
    upstreams: Sequence[Upstream]
    """Processes that answer the other methods."""
    filters: Sequence[str]
    """Names of all filters before the router."""
    python: str
    """Name of the filter that runs the worker."""
    plain_headers: str
    """Name of the filter that restores the headers of calls that pass no script."""

    def all(self, gateway: Iterable[_Route]) -> list[_Route]:
        """Return the routes of both ports.

        Args:
            gateway: the routes of a gateway.
        """
        own, front = (*self._misdirected(), *self._plain()), list(gateway)
        return [*map(self._on_grpc_port, own), *self._fast(front), *self._front(front)]

    def _plain(self) -> Iterator[_Route]:
        """Yield the routes of the gRPC port: the worker's calls skip all other filters.

        Calls to other processes pass the script that rejects malformed headers: gRPC's library there would fail other
        calls as well.
        """
        yield self._through({"match": {"prefix": f"/{PREDICTION_SERVICE}/"}, "route": _UNLIMITED}, *self._workers)
        limit = {"max_stream_duration": f"{_UNARY_SECONDS}s", "grpc_timeout_header_max": "0s"}
        unary = {"route": {"timeout": "0s", "idle_timeout": "0s", "max_stream_duration": limit}}
        for each in self.upstreams:
            for match in grpc_matches(each.methods):
                yield self._through(_to_upstream(unary, each, match), LUA)
        yield self._through({"match": {"prefix": "/"}, "route": _UNLIMITED}, *self._workers)

    @property
    def _workers(self) -> tuple[str, str]:
        return self.plain_headers, self.python

    def _fast(self, gateway: Sequence[_Route]) -> Iterator[_Route]:
        """Yield the routes of the fast path, after those for calls that address another host, which scripts refuse."""
        body, rest = _by_prefix(gateway, "/api/"), _by_prefix(gateway, "/")
        if self.front_names is not None:
            yield self._scripted(body, _misdirected(fast_path.JSON, self.front_names))
            yield self._scripted(rest, _misdirected(fast_path.GRPC, self.front_names))
        yield self._fast_json({**_to(body, WORKER), "match": fast_path.JSON})
        yield self._through({"match": fast_path.GRPC, "route": _UNLIMITED}, *self._workers)

    def _fast_json(self, route: _Route) -> _Route:
        found = self._through(route, LUA, TRANSCODER, *self._workers)
        # Responses pass the same script as requests: the route is not looked up again by the path of the method.
        transcoder = {**self.transcoder, "services": [PREDICTION_SERVICE], "match_incoming_request_route": True}
        script = {"@type": _LUA_PER_ROUTE, "name": fast_path.SCRIPT}
        known = found["typed_per_filter_config"]
        return {**found, "typed_per_filter_config": {**known, LUA: script, TRANSCODER: transcoder}}

    def _scripted(self, like: _Route, match: _Route) -> _Route:
        return _without({**_to(like, WORKER), "match": match}, [self.plain_headers])

    def _front(self, gateway: Sequence[_Route]) -> Iterator[_Route]:
        """Yield the gateway's routes, after those to other processes, which skip the worker."""
        body, rest = _by_prefix(gateway, "/api/"), _by_prefix(gateway, "/")
        for each in self.upstreams:
            for match in json_matches(each.methods):
                yield _without(_to_upstream(body, each, match), self._workers)
            for match in grpc_matches(each.methods):
                yield _without(_to_upstream(rest, each, match), self._workers)
        for route in gateway:
            if "route" not in route:  # a page
                yield _without(route, self._workers)
            elif route["route"]["cluster"] == SERVER:
                yield _without(_to(route, WORKER), [self.plain_headers])
            else:
                yield _without(_from_side_port(route), self._workers)

    def _through(self, route: _Route, *filters: str) -> _Route:
        return _without(route, [name for name in self.filters if name not in filters])

    def _misdirected(self) -> Iterator[_Route]:
        """Yield the route of requests that may not address the gRPC port."""
        if self.names is not None:
            match = _misdirected({"prefix": "/"}, self.names)
            refusal = {"status": 403, "body": {"inline_string": "another host is addressed"}}
            yield self._through({"match": match, "direct_response": refusal})

    def _on_grpc_port(self, route: _Route) -> _Route:
        by_port = {"key": PORT, "string_match": {"exact": str(self.grpc_port)}}
        return {**route, "match": {**route["match"], "filter_state": [by_port]}}


def _misdirected(match: _Route, names: Sequence[str]) -> _Route:
    """Return a matcher of the requests that match, but address another host than by one of these names, or a number."""
    patterns = ({"safe_regex": {"regex": each}} for each in authority_patterns(names))
    others = [{"name": ":authority", "string_match": each, "invert_match": True} for each in patterns]
    return {**match, "headers": [*match.get("headers", ()), *others]}


def _by_prefix(routes: Iterable[_Route], prefix: str) -> _Route:
    return next(route for route in routes if route["match"].get("prefix") == prefix)


def _to(route: _Route, cluster: str) -> _Route:
    return {**route, "route": {**route["route"], "cluster": cluster}}


def _to_upstream(like: _Route, upstream: Upstream, match: _Route) -> _Route:
    route = {**like["route"], "cluster": upstream.name, "retry_policy": _RECONNECTING}
    return {**like, "match": match, "route": route}


def _from_side_port(route: _Route) -> _Route:
    """Route Envoy's metrics to the side port, which serves those of all workers."""
    if route["match"].get("path") != GATEWAY_METRICS_PATH:
        return route
    return {**route, "route": {"cluster": "side_port", "timeout": "10s", "host_rewrite_literal": "localhost"}}


def _without(route: _Route, filters: Iterable[str]) -> _Route:
    """Return a route with some filters disabled."""
    known = route.get("typed_per_filter_config", {})
    return {**route, "typed_per_filter_config": {**known, **dict.fromkeys(filters, _OFF)}}
