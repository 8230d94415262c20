"""Relaying of calls to another process of the service: workers forward what is not a prediction, undecoded.

Reading the prediction log can take seconds and much memory, so it is done in a process where no prediction waits for
it. The worker counts and logs the call like any other, and forwards the deadline, and the response or error unchanged.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import Any

import grpc
from google.protobuf.descriptor import MethodDescriptor
from grpc_status import rpc_status

from housing_server.core.byte_budget import ByteBudget
from housing_server.core.callers import Caller
from housing_server.core.calls import CALLER, REQUEST_ID, Method
from housing_server.core.endpoints import RelayedEndpoint, describe, relayed
from housing_server.errors import DeadlinePassed, Overloaded, RelayedError, RequestError, ServiceUnavailable

_CHANNEL_OPTIONS = [
    ("grpc.initial_reconnect_backoff_ms", 100),  # the process may just have been restarted
    ("grpc.max_reconnect_backoff_ms", 100),
    ("grpc.max_receive_message_length", -1),
    ("grpc.enable_http_proxy", 0),
    ("grpc.enable_retries", 0),
]

_MAX_CALLS = 512
"""The most calls that may wait for the other process; more would wait longer than they take."""
_RETRY_SECONDS = 1.0
_CONNECT_SECONDS = 1.0
"""How long a call waits for a process that is not connected: it may be about to listen."""


class Relay:
    """Handles unary methods by calling another process."""

    def __init__(
        self,
        address: str,
        methods: Sequence[MethodDescriptor],
        unsent: ByteBudget,
        *,
        services: Sequence[str],
        connect_seconds: float = _CONNECT_SECONDS,
    ) -> None:
        """Create a relay; the connection is opened on first use.

        Args:
            address: gRPC address of the other process.
            methods: the methods that it answers.
            unsent: bounds the responses that wait to be sent; none is relayed for a connection whose share is used up.
            services: full names of the services whose health is that of the connection.
            connect_seconds: how long a call waits for a process that is not connected.
        """
        self._connect_seconds = connect_seconds
        self.services = tuple(services)
        """Full names of the services whose health is that of the connection."""
        self._address = address
        self._methods = methods
        self._unsent = unsent
        self._waiting = 0
        self._opened: grpc.aio.Channel | None = None

    @property
    def endpoints(self) -> tuple[RelayedEndpoint[Any, Any], ...]:
        """The endpoints of the methods."""
        return tuple(relayed(method, self._forward(describe(method))) for method in self._methods)

    async def watch(self) -> AsyncIterator[bool]:
        """Connect, and yield whether the other process is connected, at first and at every change."""
        channel = self._channel
        while True:
            state = channel.get_state(try_to_connect=True)
            yield state is grpc.ChannelConnectivity.READY
            await channel.wait_for_state_change(state)

    def _forward(self, method: Method) -> Callable[[bytes, Caller], Awaitable[bytes]]:
        async def forward(request: bytes, caller: Caller) -> bytes:
            self._unsent.check(caller.peer)
            if self._waiting >= _MAX_CALLS:
                raise Overloaded(_RETRY_SECONDS)
            self._waiting += 1
            try:
                return await self._call(method, request, caller)
            finally:
                self._waiting -= 1

        return forward

    async def _call(self, method: Method, request: bytes, caller: Caller) -> bytes:
        channel = await self._connected(method)
        call: grpc.aio.UnaryUnaryMultiCallable[bytes, bytes] = channel.unary_unary(method.path)
        try:
            return await call(request, timeout=caller.seconds_left(), metadata=_metadata(caller))
        except grpc.aio.AioRpcError as error:
            refusal = _refusal(error, method)
            if refusal is None:
                raise
            raise refusal from None

    async def _connected(self, method: Method) -> grpc.aio.Channel:
        channel = self._channel
        if channel.get_state() is not grpc.ChannelConnectivity.READY:
            try:
                async with asyncio.timeout(self._connect_seconds):
                    await channel.channel_ready()
            except TimeoutError:
                raise ServiceUnavailable(method.service) from None
        return channel

    @property
    def _channel(self) -> grpc.aio.Channel:
        if self._opened is None:
            self._opened = grpc.aio.insecure_channel(self._address, _CHANNEL_OPTIONS)
        return self._opened


def _metadata(caller: Caller) -> list[tuple[str, str]]:
    """Return the metadata of a call that is forwarded."""
    named = caller.identity or caller.peer_on_record
    forwarded = {REQUEST_ID: caller.request_id, "traceparent": caller.traceparent, CALLER: named}
    return [(key, value) for key, value in forwarded.items() if value and value.isascii() and value.isprintable()]


def _refusal(error: grpc.aio.AioRpcError, method: Method) -> RequestError | None:
    """Convert the failure of a relayed call to a request error; None if it is unexpected."""
    status = rpc_status.from_call(error)  # type: ignore[arg-type]  # it has all attributes that are used
    if status is not None:
        return RelayedError(status)
    if error.code() is grpc.StatusCode.UNAVAILABLE:
        return ServiceUnavailable(method.service)
    if error.code() is grpc.StatusCode.DEADLINE_EXCEEDED:
        return DeadlinePassed()
    return None
