"""Endpoints as an ASGI application: gRPC calls in, each in the scope of a call, statuses out."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping
from contextlib import suppress
from typing import Any, TypeAlias

from housing_server.asgi_transport.events import CallerGone, Receive, Scope, Send, left
from housing_server.asgi_transport.frames import Frames
from housing_server.asgi_transport.hangups import Hangups
from housing_server.asgi_transport.headers import (
    TOO_MUCH_METADATA,
    credentials,
    failure,
    has_bad_request_id,
    is_grpc,
    metadata,
    peer,
    seconds_left,
    size,
    success,
)
from housing_server.asgi_transport.queued_calls import Endings, QueuedCall
from housing_server.asgi_transport.requests import Requests, read_only_message
from housing_server.asgi_transport.response import Response, trailers_apart
from housing_server.core.byte_budget import HELD_FROM, UNSENT_BYTES, ByteBudget
from housing_server.core.calls import Calls, CallScope, Method
from housing_server.core.deadlines import Deadlines
from housing_server.core.endpoints import (
    UNKNOWN_METHOD,
    AnsweringEndpoint,
    Endpoint,
    QueuedEndpoint,
    StreamEndpoint,
)
from housing_server.errors import DeadlinePassed, MethodNotFound, RequestError, UndecodableMessage
from housing_server.limits import MAX_METADATA_BYTES

_ONLY_GRPC = b"this port serves gRPC; JSON is on the gateway's port, 8080 by default\n"

_Headers: TypeAlias = Mapping[bytes, bytes]
_Handler: TypeAlias = Callable[[_Headers, Scope, Receive, Send], Awaitable[None]]


class Application:
    """An ASGI application that serves the mounted endpoints; any other method is refused and counted as unknown."""

    def __init__(
        self,
        unknown: Calls,
        *,
        unsent: ByteBudget | None = None,
        deadlines: Deadlines | None = None,
        hangups: Hangups | None = None,
    ) -> None:
        """Create an application without methods.

        Args:
            unknown: creates the scopes of calls to unknown methods.
            unsent: bounds the responses that wait to be sent.
            deadlines: cancels unary calls whose deadline has passed.
            hangups: cancels unary calls whose callers have disconnected.
        """
        self._unsent = unsent or ByteBudget(UNSENT_BYTES)
        self._deadlines = deadlines or Deadlines()
        self._hangups = hangups or Hangups()
        self._handlers: dict[str, _Handler] = {}
        self._unknown = _unknown(unknown)

    def mount(self, endpoints: Iterable[Endpoint], calls: Calls) -> None:
        """Serve the methods of a table, each call in a scope of `calls`."""
        for endpoint in endpoints:
            self._handlers[endpoint.method.path] = self._handler(endpoint, calls)

    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        """Handle one HTTP request: begin at once, and return what is to be awaited."""
        headers = dict(scope["headers"])
        if scope["method"] != "POST":
            return _refuse(send, 405, (b"allow", b"POST"))
        if not is_grpc(headers.get(b"content-type", b"")):
            return _refuse(send, 415, (b"accept-post", b"application/grpc"))
        if size(headers) > MAX_METADATA_BYTES:
            return Response(send).end(TOO_MUCH_METADATA)
        if has_bad_request_id(headers):
            send = trailers_apart(send)
        return self._handlers.get(scope["path"], self._unknown)(headers, scope, receive, send)

    def _handler(self, endpoint: Endpoint, calls: Calls) -> _Handler:
        if isinstance(endpoint, StreamEndpoint):
            return _stream(endpoint, calls)
        if isinstance(endpoint, QueuedEndpoint):
            return _queued(endpoint, calls, deadlines=self._deadlines, hangups=self._hangups)
        return _unary(endpoint, calls, unsent=self._unsent, deadlines=self._deadlines, hangups=self._hangups)


def _unary(
    endpoint: AnsweringEndpoint,
    calls: Calls,
    *,
    unsent: ByteBudget,
    deadlines: Deadlines,
    hangups: Hangups,
) -> _Handler:
    method, answer = endpoint.method, endpoint.answer  # found once, not for every call
    message_type = endpoint.request.DESCRIPTOR.full_name

    async def handle(headers: _Headers, scope: Scope, receive: Receive, send: Send) -> None:
        call = _begin(calls, method, headers, scope)
        response = Response(send)
        try:
            caller = call.enter()
            with deadlines.keep(caller.deadline):
                frames = Frames(headers.get(b"grpc-encoding", b""), message_type)
                message = await read_only_message(receive, frames)
                if message is None:
                    raise UndecodableMessage(message_type)
                with hangups.watch(receive):
                    data = await answer(message, caller)
            held = await _reply(response, data, call, unsent)
        except BaseException as error:  # pylint: disable=broad-exception-caught  # `_fail` raises what is not for callers
            await _fail(response, call, error)
            return
        call.finish()
        if held:
            await _release(call, held, unsent, receive)

    return handle


def _queued(endpoint: QueuedEndpoint[Any, Any], calls: Calls, *, deadlines: Deadlines, hangups: Hangups) -> _Handler:
    method, endings = endpoint.method, Endings(calls.finish_all)

    def handle(headers: _Headers, scope: Scope, receive: Receive, send: Send) -> QueuedCall:
        call = _begin(calls, method, headers, scope)
        return QueuedCall(
            endpoint,
            call,
            headers=headers,
            receive=receive,
            send=send,
            deadlines=deadlines,
            hangups=hangups,
            endings=endings,
        )

    return handle


def _stream(endpoint: StreamEndpoint[Any, Any], calls: Calls) -> _Handler:
    message_type = endpoint.request.DESCRIPTOR.full_name

    async def handle(headers: _Headers, scope: Scope, receive: Receive, send: Send) -> None:
        call = _begin(calls, endpoint.method, headers, scope)
        response, limit = Response(send), asyncio.timeout(call.caller.seconds_left())
        try:
            caller = call.enter()
            frames = Frames(headers.get(b"grpc-encoding", b""), message_type)
            async with limit, Requests(receive, frames) as requests:
                async for message in endpoint.handler(_decoded(endpoint, call.admitted(aiter(requests))), caller):
                    await response.message(message.SerializeToString())
                await response.end(success(call.request_id))
        except BaseException as error:  # pylint: disable=broad-exception-caught  # `_fail` raises what is not for callers
            await _fail(response, call, DeadlinePassed() if limit.expired() else error)
            return
        call.finish()

    return handle


def _unknown(calls: Calls) -> _Handler:
    async def refuse(headers: _Headers, scope: Scope, _receive: Receive, send: Send) -> None:
        call = _begin(calls, UNKNOWN_METHOD, headers, scope)
        try:
            call.enter()
            raise MethodNotFound
        except RequestError as error:
            await _fail(Response(send), call, error)

    return refuse


def _begin(calls: Calls, method: Method, headers: _Headers, scope: Scope) -> CallScope:
    left = seconds_left(headers.get(b"grpc-timeout"))
    found = metadata(headers) if calls.authority is None else [*metadata(headers), *credentials(headers)]
    return calls.begin(method, found, peer=peer(scope), seconds_left=left)


async def _decoded(endpoint: StreamEndpoint[Any, Any], requests: AsyncIterator[bytes]) -> AsyncIterator[Any]:
    async for data in requests:
        yield endpoint.decode(data)


async def _reply(response: Response, data: bytes, call: CallScope, unsent: ByteBudget) -> int:
    """Send a response; return how many of its bytes count against the budget: none of a small one."""
    if len(data) < HELD_FROM:
        await response.only_message(data, success(call.request_id))
        return 0
    unsent.hold(call.caller.peer, len(data))
    try:
        await response.only_message(data, success(call.request_id))
    except BaseException:
        unsent.release(call.caller.peer, len(data))
        raise
    return len(data)


async def _release(call: CallScope, held: int, unsent: ByteBudget, receive: Receive) -> None:
    """Count bytes of a response against the budget until it has been sent."""
    try:
        await left(receive)
    finally:
        unsent.release(call.caller.peer, held)


async def _fail(response: Response, call: CallScope, error: BaseException) -> None:
    """End a call with the status of its error, unless the caller has disconnected."""
    status = call.finish(error)
    if status is not None:
        with suppress(CallerGone):
            await response.end(failure(call.request_id, status))
    elif isinstance(error, asyncio.CancelledError):
        raise error


async def _refuse(send: Send, status: int, header: tuple[bytes, bytes]) -> None:
    """Respond to an HTTP request that is not a gRPC call."""
    headers = [header, (b"content-type", b"text/plain; charset=utf-8")]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": _ONLY_GRPC, "more_body": False})
