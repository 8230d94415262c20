"""The frame of foreign suites' services: endpoints on the second transport, with headers and trailers of their choice.

Handlers of the product see no headers and set none.
"""

import asyncio
from collections.abc import Awaitable, Callable
from contextvars import ContextVar
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

import structlog
from google.protobuf.descriptor import ServiceDescriptor

from housing_server.asgi_transport.application import Application
from housing_server.asgi_transport.events import Event, Receive, Scope, Send
from housing_server.asgi_transport.headers import Headers
from housing_server.core.arrivals import Arrivals
from housing_server.core.callers import Caller
from housing_server.core.calls import Calls, Uncounted
from housing_server.core.endpoints import Endpoint, Queued, Recipient, queued
from housing_server.core.gate import DrainGate


@dataclass(slots=True)
class Exchange:
    """The headers of one call."""

    request: Headers
    """What came."""
    response: Headers = field(default_factory=list)
    """What is to be sent before the messages."""
    trailers: Headers = field(default_factory=list)
    """What is to be sent after them."""


EXCHANGE: ContextVar[Exchange] = ContextVar("exchange")
"""That of the call which is being answered."""


def unary(service: ServiceDescriptor, name: str, handler: Callable[[Any, Caller], Awaitable[Any]]) -> Endpoint:
    """Create the endpoint of a unary method that is served like Predict, with requests that are queued."""

    def begin(data: bytes, decode: Callable[[bytes], Any], caller: Caller, recipient: Recipient) -> Queued:
        async def answer() -> None:
            try:
                response = await handler(decode(data), caller)
            except Exception as error:  # pylint: disable=broad-exception-caught  # it is the recipient's
                recipient.failed(error)
            else:
                recipient.answered(response.SerializeToString())

        return asyncio.create_task(answer())  # type: ignore[return-value]  # whether it was cancelled is no matter

    return queued(service, name, begin, Arrivals())


class Hosted:
    """Endpoints as an ASGI application, made on the event loop that serves it."""

    def __init__(self, *endpoints: Endpoint) -> None:
        """Remember the endpoints."""
        self._endpoints = endpoints
        self._application: Application | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, or live."""
        if scope["type"] == "lifespan":
            await receive()
            calls = Calls(gate=DrainGate(), observer=Uncounted(), log=structlog.get_logger())
            self._application = Application(calls)
            self._application.mount(self._endpoints, calls)
            await send({"type": "lifespan.startup.complete"})
            await receive()
            await send({"type": "lifespan.shutdown.complete"})
            return
        assert self._application is not None
        exchange = Exchange(list(scope["headers"]))
        EXCHANGE.set(exchange)
        await self._application(scope, receive, _Extended(send, exchange).send)


class _Extended:
    """Adds headers and trailers to a response; one that would be its trailers alone gets headers, too."""

    def __init__(self, send: Send, exchange: Exchange) -> None:
        self._send = send
        self._exchange = exchange
        self._alone: Headers = []

    async def send(self, event: Event) -> None:
        """Send an event, with what is to be added."""
        match event["type"]:
            case "http.response.start":
                if event["status"] != HTTPStatus.OK:  # no answer to a gRPC call
                    return await self._send(event)
                headers = [each for each in event["headers"] if event.get("trailers") or not _is_trailer(each)]
                self._alone = [each for each in event["headers"] if each not in headers]
                await self._send({**event, "headers": [*headers, *self._exchange.response], "trailers": True})
            case "http.response.trailers":
                await self._send({**event, "headers": [*event["headers"], *self._exchange.trailers]})
            case _:
                await self._send(event)
                if self._alone:
                    trailers = [*self._alone, *self._exchange.trailers]
                    await self._send({"type": "http.response.trailers", "headers": trailers})
        return None


def _is_trailer(header: tuple[bytes, bytes]) -> bool:
    return header[0] in {b"grpc-status", b"grpc-message", b"grpc-status-details-bin", b"x-request-id"}
