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
    transport: Transport[_Channel_co], target: str, credentials: grpc.ChannelCredentials | None
) -> _Channel_co:
    """Open a channel of `grpc` or of `grpc.aio`; nothing is connected until the first call."""
    options = channel_options()
    if is_loopback(target):  # which no proxy that the environment names could reach
        options.append(("grpc.enable_http_proxy", 0))
    if credentials is None:
        return transport.insecure_channel(target, options)
    return transport.secure_channel(target, credentials, options)


def resolve_target(target: str | None) -> str:
    """Choose the target: the one given, else `HOUSING_TARGET`, else the default."""
    return target or os.environ.get("HOUSING_TARGET") or DEFAULT_TARGET


def service_config() -> str:
    """Write the gRPC service config: how calls are balanced over addresses and retried.

    Every method may be repeated: a prediction changes nothing but the prediction log, where each try is a row of its
    own, and an outcome that comes again changes nothing. gRPC itself allows at most 5 attempts.
    """
    retry_policy = {
        "maxAttempts": 5,
        "initialBackoff": "0.1s",
        "maxBackoff": "2s",
        "backoffMultiplier": 2,
        "retryableStatusCodes": ["UNAVAILABLE"],
    }
    method_config = {"name": [{"service": name} for name in SERVICES], "retryPolicy": retry_policy}
    return json.dumps({"loadBalancingConfig": [{"round_robin": {}}], "methodConfig": [method_config]})


def channel_options() -> list[tuple[str, Any]]:
    """List the options of a channel."""
    message_bytes = BATCH_SIZES[-1] * _BYTES_PER_ITEM
    return [
        ("grpc.service_config", service_config()),
        ("grpc.max_send_message_length", message_bytes),
        ("grpc.max_receive_message_length", message_bytes),
        # A call larger than this buffer (256 KiB by default) is never retried: a full batch is.
        ("grpc.per_rpc_retry_buffer_size", message_bytes),
        ("grpc.keepalive_time_ms", _KEEPALIVE_MS),
        ("grpc.keepalive_timeout_ms", _KEEPALIVE_TIMEOUT_MS),
    ]
