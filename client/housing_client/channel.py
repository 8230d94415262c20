"""Channels of both clients: target, retries, limits and load balancing.

A call does not wait for a connection (`wait_for_ready` is off): if nothing listens, the retries below bridge the few
seconds of a restart, and then fail with the cause. Waiting would end in `DEADLINE_EXCEEDED` instead, which does not
tell that the target is wrong.
"""

import json
import os
from collections.abc import Sequence
from typing import Any, Protocol, TypeVar

import grpc
from google.protobuf import descriptor_pool

from housing.addresses import is_loopback
from housing.ports import GRPC_PORT
from housing.rules import BATCH_SIZES
from housing.services import SERVICES
from housing_client.policies import DEFAULT_KEEPALIVE, DEFAULT_RETRIES, PAUSE_GROWTH, Keepalive, Retries, Tls

_Channel = TypeVar("_Channel")
_Channel_co = TypeVar("_Channel_co", covariant=True)

DEFAULT_TARGET = f"localhost:{GRPC_PORT}"

STREAM_WINDOW = 256
"""Block groups of a stream in flight: enough to hide the round trip, at little memory."""

_BYTES_PER_ITEM = 1024
"""A block group or a prediction takes 100 to 300 bytes; the rest is room for future fields."""

_FIRST_RECONNECT_MS = 100
"""gRPC's default of one second would be most of the time that retries of a call cover."""

_LONGEST_RECONNECT_MS = 1000
"""A restarted service is found within this time, and so by the last attempt of a call; gRPC's default of two minutes
suits services with millions of clients."""

_METADATA_BYTES = 16 * 1024
"""The most metadata of a response, error details included: by default gRPC refuses responses between half of this and
this at random."""

Credentials = grpc.ChannelCredentials | Tls
"""Credentials of an encrypted connection."""


class Transport(Protocol[_Channel_co]):
    """The common part of `grpc` and `grpc.aio`: opening channels."""

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
    """Return the caller's channel, or open one, with its target; the target of a caller's channel is unknown.

    Raises:
        TypeError: a channel is combined with a target or credentials.
    """
    if given is None:
        target = resolve_target(target)
        credentials = credentials or Tls.from_environment(os.environ)
        return open_channel(transport, target, credentials, retries, keepalive), target
    if target is not None or credentials is not None:
        raise TypeError("a channel has a target and credentials already: pass either the channel or those")
    return given, ""


def open_channel(
    transport: Transport[_Channel_co],
    target: str,
    credentials: Credentials | None,
    retries: Retries = DEFAULT_RETRIES,
    keepalive: Keepalive = DEFAULT_KEEPALIVE,
) -> _Channel_co:
    """Open a channel of `grpc` or `grpc.aio`; it connects at the first call."""
    options = channel_options(retries, keepalive)
    if is_loopback(target):  # unreachable for any proxy in the environment
        options.append(("grpc.enable_http_proxy", 0))
    if credentials is None:
        return transport.insecure_channel(target, options)
    if isinstance(credentials, Tls):
        if credentials.server_name is not None:
            options.append(("grpc.ssl_target_name_override", credentials.server_name))
        credentials = credentials.credentials()
    return transport.secure_channel(target, credentials, options)


def resolve_target(target: str | None) -> str:
    """Return the target: the argument, or else `HOUSING_TARGET`, or else the default.

    Raises:
        ValueError: it is the URL of a web page.
    """
    target = target or os.environ.get("HOUSING_TARGET") or DEFAULT_TARGET
    if target.startswith(("http://", "https://")):
        raise ValueError(f"the target is HOST:PORT of the gRPC services, such as {DEFAULT_TARGET}, without http://")
    return target


def service_config(retries: Retries = DEFAULT_RETRIES) -> str:
    """Return the gRPC service config: load balancing over addresses, and retries.

    Streams are excluded: gRPC's retries leave a stream that has received a response hanging until its deadline, and
    cannot resume it; the clients do that themselves.
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
    """Return the gRPC options of a channel; pass them to a channel of your own for retries and large batches."""
    message_bytes = BATCH_SIZES[-1] * _BYTES_PER_ITEM
    return [
        ("grpc.service_config", service_config(retries)),
        ("grpc.max_send_message_length", message_bytes),
        ("grpc.max_receive_message_length", message_bytes),
        # A call larger than this buffer (256 KiB by default) is not retried; a full batch must be.
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
        # By default gRPC sends only two pings without data between them.
        ("grpc.http2.max_pings_without_data", 0),
    ]
