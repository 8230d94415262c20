"""gRPC servers: the options of a worker's server, and those of a server that only workers call."""

from dataclasses import dataclass

import grpc

from housing_server.grpc_transport.handlers import Handlers
from housing_server.limits import MAX_METADATA_BYTES, MAX_REQUEST_BYTES

_MAX_PENDING_CALLS = 30_000
"""The most calls that may wait for the event loop; it refuses the excess with a proper status."""

_FOREVER = 2**31 - 1
"""gRPC's value for no limit, in milliseconds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerLimits:
    """Limits for the callers of a server."""

    max_connection_age_seconds: float
    """Age at which a connection is asked to reconnect, so that load spreads over new workers."""
    max_concurrent_streams: int
    """The most calls in flight on one connection."""


def server_options(limits: ServerLimits) -> list[tuple[str, int]]:
    """Return the options of a server that shares its port with other processes."""
    return [
        ("grpc.so_reuseport", 1),
        # The endpoints refuse what is larger than half of this, with a status; gRPC itself resets what is larger still.
        ("grpc.max_receive_message_length", 2 * MAX_REQUEST_BYTES),
        # A connection stays with the worker that accepted it, so old ones are closed, gracefully, to spread the load.
        # They are closed once their last call has ended: a stream may be open for as long as its caller sends.
        ("grpc.max_connection_age_ms", int(limits.max_connection_age_seconds * 1000)),
        ("grpc.max_connection_age_grace_ms", _FOREVER),
        ("grpc.max_concurrent_streams", limits.max_concurrent_streams),
        # By default gRPC resets the calls of a client that exceeds the limit before it has read the settings.
        ("grpc.http.overload_protection", 0),
        # By default gRPC cancels calls at random once 1,000 wait for the event loop, and clients do not retry these.
        ("grpc.server.max_pending_requests", _MAX_PENDING_CALLS),
        ("grpc.server.max_pending_requests_hard_limit", _MAX_PENDING_CALLS),
        # With a soft limit below the hard one, calls between the two would be refused at random.
        ("grpc.max_metadata_size", MAX_METADATA_BYTES),
        ("grpc.absolute_max_metadata_size", MAX_METADATA_BYTES),
        # Detect dead peers. Clients may ping every 5 s, with a call in flight or without; the limit is lower, since
        # pings that are sent on time may arrive closer together.
        ("grpc.keepalive_time_ms", 60_000),
        ("grpc.keepalive_timeout_ms", 20_000),
        ("grpc.keepalive_permit_without_calls", 1),
        ("grpc.http2.min_ping_interval_without_data_ms", 1_000),
    ]


def shared_server(limits: ServerLimits, handlers: Handlers) -> grpc.aio.Server:
    """Create a server that shares its port with other processes."""
    return _server(server_options(limits), handlers)


def local_server(handlers: Handlers, *interceptors: grpc.aio.ServerInterceptor) -> grpc.aio.Server:
    """Create a server that only the workers of this service call."""
    return _server([("grpc.so_reuseport", 0)], handlers, *interceptors)


def _server(
    options: list[tuple[str, int]], handlers: Handlers, *interceptors: grpc.aio.ServerInterceptor
) -> grpc.aio.Server:
    server = grpc.aio.server(interceptors=interceptors, options=options)
    server.add_generic_rpc_handlers([handlers])
    return server
