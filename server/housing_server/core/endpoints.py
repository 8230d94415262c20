"""The methods of a service as a table that any transport mounts: names, message types and handlers.

A transport decodes and encodes messages itself, within the scope of a call (`core/calls.py`), so that a message that
cannot be decoded is refused, counted and logged like any other bad request.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Generic, Protocol, TypeAlias, TypeVar

from google.protobuf.descriptor import MethodDescriptor, ServiceDescriptor
from google.protobuf.message import DecodeError, Message
from google.protobuf.message_factory import GetMessageClass

from housing_server.core.arrivals import Arrivals
from housing_server.core.callers import Caller
from housing_server.core.calls import Method
from housing_server.core.parsing import request_parser
from housing_server.errors import MessageTooLarge, UndecodableMessage
from housing_server.limits import MAX_REQUEST_BYTES

Request = TypeVar("Request", bound=Message)
Response = TypeVar("Response", bound=Message)

UNKNOWN_METHOD = Method(kind="unknown", service="unknown", name="unknown")
"""Stands for every unknown method: a name chosen by a caller must not become a label."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Endpoint(Generic[Request, Response]):
    method: Method
    request: type[Request]
    response: type[Response]
    parse: Callable[[bytes], Request]
    """Parses an encoded request; stops early at a list that is too long."""

    def decode(self, data: bytes) -> Request:
        """Decode a request.

        Raises:
            MessageTooLarge: the request is larger than `MAX_REQUEST_BYTES`.
            UndecodableMessage: the request is not a message of this type.
        """
        check_size(data)
        try:
            return self.parse(data)
        except DecodeError:
            raise UndecodableMessage(self.request.DESCRIPTOR.full_name) from None


@dataclass(frozen=True, slots=True, kw_only=True)
class UnaryEndpoint(_Endpoint[Request, Response]):
    """A method with one request and one response."""

    handler: Callable[[Request, Caller], Awaitable[Response]]
    """Handles a request; raises a RequestError to refuse it."""

    async def answer(self, data: bytes, caller: Caller) -> bytes:
        """Handle an encoded request and return the encoded response; raises a RequestError to refuse it."""
        response = await self.handler(self.decode(data), caller)
        return response.SerializeToString()


@dataclass(frozen=True, slots=True, kw_only=True)
class EncodedEndpoint(_Endpoint[Request, Response]):
    """A unary method that reads requests from their encoding, and encodes responses itself."""

    handler: Callable[[bytes, Callable[[bytes], Request], Caller], Awaitable[bytes]]
    """Handles an encoded request, which it may decode with the given function; raises a RequestError to refuse it."""

    async def answer(self, data: bytes, caller: Caller) -> bytes:
        """Return the encoded response to an encoded request; raises a RequestError to refuse it."""
        check_size(data)
        return await self.handler(data, self.decode, caller)


class Recipient(Protocol):
    """Receives the outcome of a queued request, once."""

    def answered(self, data: bytes) -> None:
        """Accept the encoded response."""

    def failed(self, error: Exception) -> None:
        """Accept the error that replaces it."""


class Queued(Protocol):
    """A queued request."""

    def cancel(self) -> None:
        """Drop the request: its recipient receives nothing any more. Does nothing once it has received an outcome."""


QueueRequest: TypeAlias = Callable[[bytes, Callable[[bytes], Any], Caller, Recipient], Queued]
"""Queues an encoded request, which it may decode with the given function; raises a RequestError to refuse it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class QueuedEndpoint(_Endpoint[Request, Response]):
    """A unary method that needs no task for each call: its requests are queued, and many are answered at a time."""

    handler: QueueRequest
    """Queues a request."""
    arrivals: Arrivals
    """Counts the calls whose requests are on their way; a transport may leave that out."""

    def begin(self, data: bytes, caller: Caller, recipient: Recipient) -> Queued:
        """Queue an encoded request; raises a RequestError to refuse it at once."""
        return self.handler(data, self.decode, caller, recipient)

    async def answer(self, data: bytes, caller: Caller) -> bytes:
        """Wait for the encoded response to an encoded request; raises a RequestError to refuse it."""
        waiting = _WaitingTask()
        queued = self.begin(data, caller, waiting)
        try:
            return await waiting.future
        finally:
            queued.cancel()


class _WaitingTask:
    """A recipient that a task waits for."""

    __slots__ = ("future",)

    def __init__(self) -> None:
        self.future: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()

    def answered(self, data: bytes) -> None:
        if not self.future.done():  # the task may have been cancelled in this turn of the event loop
            self.future.set_result(data)

    def failed(self, error: Exception) -> None:
        if not self.future.done():
            self.future.set_exception(error)


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamEndpoint(_Endpoint[Request, Response]):
    """A method with a stream of responses; its requests, one or many, are read as a stream too."""

    handler: Callable[[AsyncIterator[Request], Caller], AsyncIterator[Response]]
    """Handles requests; raises a RequestError to end the stream."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RelayedEndpoint(_Endpoint[Request, Response]):
    """A unary method that another process handles; its messages are passed on undecoded."""

    handler: Callable[[bytes, Caller], Awaitable[bytes]]
    """Returns the encoded response to an encoded request; raises a RequestError to refuse it."""

    async def answer(self, data: bytes, caller: Caller) -> bytes:
        """Return the encoded response to an encoded request; raises a RequestError to refuse it."""
        check_size(data)
        return await self.handler(data, caller)


AnsweringEndpoint: TypeAlias = UnaryEndpoint[Any, Any] | EncodedEndpoint[Any, Any] | RelayedEndpoint[Any, Any]
"""A unary method with a task for each call."""
Endpoint: TypeAlias = AnsweringEndpoint | QueuedEndpoint[Any, Any] | StreamEndpoint[Any, Any]
"""One method of a service."""


def check_size(data: bytes) -> None:
    """Raise if an encoded request is too large.

    Raises:
        MessageTooLarge: it is larger than `MAX_REQUEST_BYTES`.
    """
    if len(data) > MAX_REQUEST_BYTES:
        raise MessageTooLarge(MAX_REQUEST_BYTES)


def _parts(method: MethodDescriptor) -> dict[str, Any]:
    """Return what an endpoint has of its method, by the names of its fields."""
    request = GetMessageClass(method.input_type)
    return {
        "method": describe(method),
        "request": request,
        "response": GetMessageClass(method.output_type),
        "parse": request_parser(request),
    }


def unary(
    service: ServiceDescriptor, name: str, handler: Callable[[Any, Caller], Awaitable[Any]]
) -> UnaryEndpoint[Any, Any]:
    """Create the endpoint of a unary method from the contract's descriptor."""
    return UnaryEndpoint(**_parts(service.methods_by_name[name]), handler=handler)


def encoded(
    service: ServiceDescriptor, name: str, handler: Callable[[bytes, Callable[[bytes], Any], Caller], Awaitable[bytes]]
) -> EncodedEndpoint[Any, Any]:
    """Create the endpoint of a unary method whose handler reads and writes encoded messages."""
    return EncodedEndpoint(**_parts(service.methods_by_name[name]), handler=handler)


def queued(
    service: ServiceDescriptor, name: str, handler: QueueRequest, arrivals: Arrivals
) -> QueuedEndpoint[Any, Any]:
    """Create the endpoint of a unary method whose requests are queued, from the contract's descriptor."""
    return QueuedEndpoint(**_parts(service.methods_by_name[name]), handler=handler, arrivals=arrivals)


def stream(
    service: ServiceDescriptor, name: str, handler: Callable[[AsyncIterator[Any], Caller], AsyncIterator[Any]]
) -> StreamEndpoint[Any, Any]:
    """Create the endpoint of a method with a stream of responses from the contract's descriptor."""
    return StreamEndpoint(**_parts(service.methods_by_name[name]), handler=handler)


def relayed(
    method: MethodDescriptor, handler: Callable[[bytes, Caller], Awaitable[bytes]]
) -> RelayedEndpoint[Any, Any]:
    """Create the endpoint of a unary method that another process handles."""
    return RelayedEndpoint(**_parts(method), handler=handler)


def describe(method: MethodDescriptor) -> Method:
    """Describe a method of the contract as it is counted and logged."""
    kind = "unary"
    if method.server_streaming:
        kind = "bidi_stream" if method.client_streaming else "server_stream"
    return Method(kind=kind, service=method.containing_service.full_name, name=method.name)
