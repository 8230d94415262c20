"""gRPC servers: the options of a worker's server, and of one that only workers reach."""

from dataclasses import dataclass

import grpc

from housing_server.core.endpoints import MAX_REQUEST_BYTES
from housing_server.grpc_transport.handlers import Handlers

MAX_METADATA_BYTES = 16 << 10
"""The most metadata that a call may carry. The gateway allows a little less, and adds to it."""

_MAX_PENDING_CALLS = 30_000
"""The most calls that may wait for the event loop to turn: it refuses, in words, what is too much."""

_FOREVER = 2**31 - 1
"""What gRPC takes for no limit, in milliseconds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerLimits:
    """What callers of a server may do."""

    max_connection_age_seconds: float
    """After how long a connection is asked to reconnect, so that load spreads over new workers."""
    max_concurrent_streams: int
    """The most calls that a connection may have under way."""


def server_options(limits: ServerLimits) -> list[tuple[str, int]]:
    """List the options of a server whose port other processes share."""
    return [
        ("grpc.so_reuseport", 1),
        # The endpoints refuse what is larger than half of this, in words; gRPC itself resets what is larger still.
        ("grpc.max_receive_message_length", 2 * MAX_REQUEST_BYTES),
        # A connection stays with the worker that accepted it, so old ones are closed, gracefully, to spread the load.
        # They are closed once their last call has ended: a stream may be open for as long as its caller sends.
        ("grpc.max_connection_age_ms", int(limits.max_connection_age_seconds * 1000)),
        ("grpc.max_connection_age_grace_ms", _FOREVER),
        ("grpc.max_concurrent_streams", limits.max_concurrent_streams),
        # By default gRPC resets calls of a client that sends more of them than that before it has read the limit.
        ("grpc.http.overload_protection", 0),
        # And it cancels calls at random, which no client tries again, once 1,000 wait for the event loop.
        ("grpc.server.max_pending_requests", _MAX_PENDING_CALLS),
        ("grpc.server.max_pending_requests_hard_limit", _MAX_PENDING_CALLS),
        # With a soft limit below the hard one, calls between the two would be refused at random.
        ("grpc.max_metadata_size", MAX_METADATA_BYTES),
        ("grpc.absolute_max_metadata_size", MAX_METADATA_BYTES),
        # Dead peers are noticed. Clients may ask every 5 s, with a call under way or without, whether this one lives;
        # the limit is lower, since pings that are sent on time may arrive closer together.
        ("grpc.keepalive_time_ms", 60_000),
        ("grpc.keepalive_timeout_ms", 20_000),
        ("grpc.keepalive_permit_without_calls", 1),
        ("grpc.http2.min_ping_interval_without_data_ms", 1_000),
    ]


def shared_server(limits: ServerLimits, handlers: Handlers) -> grpc.aio.Server:
    """Make a server whose port other processes share."""
    return _server(server_options(limits), handlers)


def local_server(handlers: Handlers, *interceptors: grpc.aio.ServerInterceptor) -> grpc.aio.Server:
    """Make a server that only the workers of this service reach."""
    return _server([("grpc.so_reuseport", 0)], handlers, *interceptors)


def _server(
    options: list[tuple[str, int]], handlers: Handlers, *interceptors: grpc.aio.ServerInterceptor
) -> grpc.aio.Server:
    server = grpc.aio.server(interceptors=interceptors, options=options)
    server.add_generic_rpc_handlers([handlers])
    return server
