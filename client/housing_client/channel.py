"""How both clients reach the service: target, retries, limits and load balancing of a channel.

A call does not wait for a connection (`wait_for_ready` is off): where nothing listens, the retries below bridge the
few seconds that a restart takes and then fail with what is wrong. Waiting would instead end in
`DEADLINE_EXCEEDED`, which does not say that the target is wrong.
"""

import json
import os
from collections.abc import Sequence
from typing import Any, Protocol, TypeVar

import grpc
from google.protobuf import descriptor_pool

from housing.addresses import is_loopback
from housing.contract import BATCH_SIZES, SERVICES
from housing_client.policies import DEFAULT_KEEPALIVE, DEFAULT_RETRIES, PAUSE_GROWTH, Keepalive, Retries, Tls

_Channel = TypeVar("_Channel")
_Channel_co = TypeVar("_Channel_co", covariant=True)

DEFAULT_TARGET = "localhost:50051"

STREAM_WINDOW = 256
"""Block groups of a stream that may be on their way at once: enough to hide the round trip, little to hold."""

_BYTES_PER_ITEM = 1024
"""A block group or a prediction takes 100 to 300 bytes; the rest is room for fields to come."""

_FIRST_RECONNECT_MS = 100
"""gRPC's own second would be most of what the retries of a call bridge."""

_LONGEST_RECONNECT_MS = 1000
"""A service that is back is found within this, and so by the last attempt of a call; gRPC's own two minutes are for
callers by the million."""

_METADATA_BYTES = 16 * 1024
"""The most metadata that a reply may carry, the details of an error included: gRPC by itself refuses replies between
this and half of it at random."""

Credentials = grpc.ChannelCredentials | Tls
"""What makes a connection encrypted."""


class Transport(Protocol[_Channel_co]):
    """What `grpc` and `grpc.aio` have in common: they open channels."""

    def insecure_channel(self, target: str, options: Sequence[tuple[str, Any]] | None = None) -> _Channel_co:
        """Open a channel without encryption."""

    def secure_channel(
        self,
        target: str,
        credentials: grpc.ChannelCredentials,
        options: Sequence[tuple[str, Any]] | None = None,
    ) -> _Channel_co:
        """Open a channel with TLS."""


def choose_channel(  # noqa: PLR0913 - what a client is opened with
    transport: Transport[_Channel],
    target: str | None,
    given: _Channel | None,
    *,
    credentials: Credentials | None,
    retries: Retries,
    keepalive: Keepalive,
) -> tuple[_Channel, str]:
    """Return the channel that the caller has opened, or open one, and the target; that of the caller's is not known.

    Raises:
        TypeError: the caller's channel comes with a target or credentials, which it has already.
    """
    if given is None:
        target = resolve_target(target)
        return open_channel(transport, target, credentials, retries, keepalive), target
    if target is not None or credentials is not None:
        raise TypeError("a channel has its target and its credentials already: give either those or the channel")
    return given, ""


def open_channel(
    transport: Transport[_Channel_co],
    target: str,
    credentials: Credentials | None,
    retries: Retries = DEFAULT_RETRIES,
    keepalive: Keepalive = DEFAULT_KEEPALIVE,
) -> _Channel_co:
    """Open a channel of `grpc` or of `grpc.aio`; nothing is connected until the first call."""
    options = channel_options(retries, keepalive)
    if is_loopback(target):  # which no proxy that the environment names could reach
        options.append(("grpc.enable_http_proxy", 0))
    if credentials is None:
        return transport.insecure_channel(target, options)
    if isinstance(credentials, Tls):
        if credentials.server_name is not None:
            options.append(("grpc.ssl_target_name_override", credentials.server_name))
        credentials = credentials.credentials()
    return transport.secure_channel(target, credentials, options)


def resolve_target(target: str | None) -> str:
    """Choose the target: the one given, else `HOUSING_TARGET`, else the default."""
    return target or os.environ.get("HOUSING_TARGET") or DEFAULT_TARGET


def service_config(retries: Retries = DEFAULT_RETRIES) -> str:
    """Write the gRPC service config: how calls are balanced over addresses and retried.

    Streams are left out: gRPC's retries leave a stream that has had an answer hanging until its deadline, and cannot
    resume one, which the clients do themselves.
    """
    config: dict[str, Any] = {"loadBalancingConfig": [{"round_robin": {}}]}
    if retries.attempts > 1:
        policy = {
            "maxAttempts": retries.attempts,
            "initialBackoff": f"{retries.first_pause}s",
            "maxBackoff": f"{retries.longest_pause}s",
            "backoffMultiplier": PAUSE_GROWTH,
            "retryableStatusCodes": ["UNAVAILABLE"],
        }
        config["methodConfig"] = [{"name": _unary_methods(), "retryPolicy": policy}]
    return json.dumps(config)


def _unary_methods() -> list[dict[str, str]]:
    services = (descriptor_pool.Default().FindServiceByName(name) for name in SERVICES)
    return [
        {"service": service.full_name, "method": method.name}
        for service in services
        for method in service.methods
        if not method.client_streaming and not method.server_streaming
    ]


def channel_options(
    retries: Retries = DEFAULT_RETRIES, keepalive: Keepalive = DEFAULT_KEEPALIVE
) -> list[tuple[str, Any]]:
    """List the gRPC options of a channel; one that the caller opens needs them too, for retries and large batches."""
    message_bytes = BATCH_SIZES[-1] * _BYTES_PER_ITEM
    return [
        ("grpc.service_config", service_config(retries)),
        ("grpc.max_send_message_length", message_bytes),
        ("grpc.max_receive_message_length", message_bytes),
        # A call larger than this buffer (256 KiB by default) is never retried: a full batch is.
        ("grpc.per_rpc_retry_buffer_size", message_bytes),
        ("grpc.initial_reconnect_backoff_ms", _FIRST_RECONNECT_MS),
        ("grpc.max_reconnect_backoff_ms", _LONGEST_RECONNECT_MS),
        ("grpc.max_metadata_size", _METADATA_BYTES),
        ("grpc.absolute_max_metadata_size", _METADATA_BYTES),
        *_keepalive_options(keepalive),
    ]


def _keepalive_options(keepalive: Keepalive) -> list[tuple[str, int]]:
    return [
        ("grpc.keepalive_time_ms", round(keepalive.interval * 1000)),
        ("grpc.keepalive_timeout_ms", round(keepalive.timeout * 1000)),
        ("grpc.keepalive_permit_without_calls", int(keepalive.without_calls)),
        # By default gRPC sends two pings without data between them, and then no more until there is some.
        ("grpc.http2.max_pings_without_data", 0),
    ]
