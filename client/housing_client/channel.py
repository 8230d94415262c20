"""How both clients reach the service: target, deadlines, retries, limits and load balancing.

A call does not wait for a connection (`wait_for_ready` is off): where nothing listens, the retries below bridge the
second or two that a restart takes and then fail with what is wrong. Waiting would instead end in
`DEADLINE_EXCEEDED`, which does not say that the target is wrong.
"""

import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

import grpc
from google.protobuf import descriptor_pool

from housing.addresses import is_loopback
from housing.contract import BATCH_SIZES, SERVICES

_Channel_co = TypeVar("_Channel_co", covariant=True)

DEFAULT_TARGET = "localhost:50051"

STREAM_WINDOW = 256
"""Block groups of a stream that may be on their way at once: enough to hide the round trip, little to hold."""

_BYTES_PER_ITEM = 1024
"""A block group or a prediction takes 100 to 300 bytes; the rest is room for fields to come."""

_KEEPALIVE_MS = 6 * 60 * 1000
"""A server with default settings closes connections that ping more often than every 5 minutes."""

_KEEPALIVE_TIMEOUT_MS = 20 * 1000

_FIRST_RECONNECT_MS = 100
"""gRPC's own second would be most of what the retries of a call bridge."""

_LONGEST_RECONNECT_MS = 5 * 1000
"""A service that is back is found within this; gRPC's own two minutes are for callers by the million."""

_METADATA_BYTES = 16 * 1024
"""The most metadata that a reply may carry, the details of an error included: gRPC by itself refuses replies between
this and half of it at random."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Deadlines:
    """How long calls may take, in seconds, retries included; None for as long as they like."""

    predict: float | None = 5.0
    """One block group."""
    batch: float | None = 60.0
    """One batch: the contract's largest takes about a second."""
    stream: float | None = 3600.0
    """A whole stream, for as long as the caller sends."""
    describe: float | None = 5.0
    """What the model and the state of the service are."""
    log: float | None = 60.0
    """A page of the prediction log, its statistics, or the contract's largest request of outcomes."""


DEFAULT_DEADLINES = Deadlines()


@dataclass(frozen=True, slots=True, kw_only=True)
class Retries:
    """How a call that finds the service unavailable is tried again.

    Every method may be repeated: a prediction changes nothing but the prediction log, where each try is a row of its
    own, and an outcome that comes again changes nothing.
    """

    attempts: int = 5
    """Most attempts of a call, the first among them; gRPC allows up to 5, and 1 tries nothing again."""
    first_pause: float = 0.1
    """Seconds before the second attempt; each further pause is twice as long."""
    longest_pause: float = 2.0
    """Most seconds between two attempts."""
    stream_patience: float = 30.0
    """A stream that has had answers is opened again for so many seconds after the last of them, whatever `attempts`."""

    def pause(self, failures: int) -> float:
        """Return the seconds to wait after so many failures, 1 or more, without progress."""
        return min(self.first_pause * 2.0 ** min(failures - 1, 30), self.longest_pause)


DEFAULT_RETRIES = Retries()


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


def open_channel(
    transport: Transport[_Channel_co],
    target: str,
    credentials: grpc.ChannelCredentials | None,
    retries: Retries = DEFAULT_RETRIES,
) -> _Channel_co:
    """Open a channel of `grpc` or of `grpc.aio`; nothing is connected until the first call."""
    options = channel_options(retries)
    if is_loopback(target):  # which no proxy that the environment names could reach
        options.append(("grpc.enable_http_proxy", 0))
    if credentials is None:
        return transport.insecure_channel(target, options)
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
            "backoffMultiplier": 2,
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


def channel_options(retries: Retries = DEFAULT_RETRIES) -> list[tuple[str, Any]]:
    """List the options of a channel."""
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
        ("grpc.keepalive_time_ms", _KEEPALIVE_MS),
        ("grpc.keepalive_timeout_ms", _KEEPALIVE_TIMEOUT_MS),
    ]
