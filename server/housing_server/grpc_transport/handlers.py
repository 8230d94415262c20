"""Endpoints over grpc.aio: metadata in, messages decoded within the scope of the call, statuses out.

Every handler reads a stream of bytes, that of a unary method too: otherwise gRPC would wait for the message before it
calls the handler, and answer a message that it cannot decode itself, uncounted and with its own text.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable, Mapping
from typing import TYPE_CHECKING, Any

import grpc
from google.rpc.status_pb2 import Status

from housing_server.core.byte_budget import HELD_FROM, UNSENT_BYTES, ByteBudget
from housing_server.core.callers import Caller
from housing_server.core.calls import REQUEST_ID, Calls, CallScope, Method
from housing_server.core.deadlines import Deadlines
from housing_server.core.endpoints import (
    UNKNOWN_METHOD,
    AnsweringEndpoint,
    Endpoint,
    QueuedEndpoint,
    StreamEndpoint,
)
from housing_server.core.gate import DrainGate
from housing_server.errors import DeadlinePassed, MethodNotFound, RequestError, UndecodableMessage

if TYPE_CHECKING:
    Context = grpc.aio.ServicerContext[Any, Any]
    Handler = grpc.RpcMethodHandler[Any, Any]

_DETAILS_KEY = "grpc-status-details-bin"
_CODES = {code.value[0]: code for code in grpc.StatusCode}


class Handlers(grpc.GenericRpcHandler):
    """Handlers of all methods of a server by path; any other method is refused and counted as unknown."""

    def __init__(self, unknown: Calls, *, unsent: ByteBudget | None = None, deadlines: Deadlines | None = None) -> None:
        """Create handlers without methods.

        Args:
            unknown: creates the scopes of calls to unknown methods.
            unsent: bounds the responses that wait to be sent; by default for a server that only workers reach, all of
                them as one peer.
            deadlines: cancels unary calls whose deadline has passed.
        """
        self._deadlines = deadlines or Deadlines()
        self._unsent = unsent or ByteBudget(UNSENT_BYTES, peer_share=1)
        self._sending = DrainGate()
        self._handlers: dict[str, Handler] = {}
        self._unknown: Handler = grpc.stream_stream_rpc_method_handler(_unknown(unknown, self._sending))

    def mount(self, endpoints: Iterable[Endpoint], calls: Calls) -> None:
        """Serve the methods of a table, each call in a scope of `calls`."""
        for endpoint in endpoints:
            self._handlers[endpoint.method.path] = self._handler(endpoint, calls)

    @property
    def paths(self) -> Mapping[str, Handler]:
        """The handlers by path."""
        return self._handlers

    async def sent(self, seconds: float) -> None:
        """Wait up to `seconds` until the library has sent all responses: a call ends before its response is sent."""
        await self._sending.close(seconds)

    def _handler(self, endpoint: Endpoint, calls: Calls) -> Handler:
        if isinstance(endpoint, StreamEndpoint):
            return grpc.stream_stream_rpc_method_handler(_stream(endpoint, calls, self._sending))
        answer = _unary(endpoint, calls, unsent=self._unsent, deadlines=self._deadlines, sending=self._sending)
        return grpc.stream_unary_rpc_method_handler(answer)

    def service(self, handler_call_details: grpc.HandlerCallDetails) -> Handler:
        """Return the handler of the method that a call names."""
        return self._handlers.get(handler_call_details.method, self._unknown)


def _unary(
    endpoint: AnsweringEndpoint | QueuedEndpoint[Any, Any],
    calls: Calls,
    *,
    unsent: ByteBudget,
    deadlines: Deadlines,
    sending: DrainGate,
) -> Any:
    method, answer = endpoint.method, endpoint.answer  # found once, not for every call

    async def handle(_requests: AsyncIterator[bytes], context: Context) -> bytes:
        scope = _begin(calls, method, context, sending)
        try:
            caller = scope.enter()
            with deadlines.keep(caller.deadline):
                message: bytes | object = await context.read()
                if not isinstance(message, bytes):
                    raise _missing(endpoint, caller)
                data = await answer(message, caller)
            _hold(data, context, caller.peer, unsent)
        except BaseException as error:
            await _fail(scope, error, context)
            raise
        _succeed(scope, context)
        return data

    return handle


def _stream(endpoint: StreamEndpoint[Any, Any], calls: Calls, sending: DrainGate) -> Any:
    async def answer(requests: AsyncIterator[bytes], context: Context) -> AsyncIterator[bytes]:
        scope = _begin(calls, endpoint.method, context, sending)
        limit = asyncio.timeout(scope.caller.seconds_left())
        try:
            caller = scope.enter()
            async with limit:
                async for response in endpoint.handler(_decoded(endpoint, scope.admitted(requests)), caller):
                    yield response.SerializeToString()
        except BaseException as error:
            # By the clock that calls are timed with, the event loop's timers may be a moment early.
            await _fail(scope, DeadlinePassed() if limit.expired() else error, context)
            raise
        _succeed(scope, context)

    return answer


def _unknown(calls: Calls, sending: DrainGate) -> Any:
    async def refuse(_requests: AsyncIterator[bytes], context: Context) -> None:
        scope = _begin(calls, UNKNOWN_METHOD, context, sending)
        try:
            scope.enter()
            raise MethodNotFound
        except BaseException as error:
            await _fail(scope, error, context)
            raise

    return refuse


def _begin(calls: Calls, method: Method, context: Context, sending: DrainGate) -> CallScope:
    sending.enter()
    context.add_done_callback(lambda _: sending.leave())  # type: ignore[arg-type]  # the stub wants two
    return calls.begin(
        method,
        context.invocation_metadata() or (),
        peer=context.peer(),
        seconds_left=context.time_remaining(),
        names=() if calls.authority is None else _certificate_names(context),
    )


def _certificate_names(context: Context) -> tuple[str, ...]:
    """Return the names of the caller's certificate, which gRPC has verified; none without one."""
    names = context.auth_context().get("x509_subject_alternative_name", ())
    return tuple(name.decode("utf-8", "replace") for name in names)


def _missing(endpoint: Endpoint, caller: Caller) -> RequestError:
    """Return the error for a call without a message: it was ended without one, or its deadline has passed."""
    return DeadlinePassed() if caller.late else UndecodableMessage(endpoint.request.DESCRIPTOR.full_name)


async def _decoded(endpoint: StreamEndpoint[Any, Any], requests: AsyncIterator[bytes]) -> AsyncIterator[Any]:
    async for data in requests:
        yield endpoint.decode(data)


def _hold(data: bytes, context: Context, peer: str, unsent: ByteBudget) -> None:
    """Count a large response against the budget until it has been sent."""
    size = len(data)
    if size >= HELD_FROM:
        unsent.hold(peer, size)
        context.add_done_callback(lambda _: unsent.release(peer, size))  # type: ignore[arg-type]  # the stub wants two


def _succeed(scope: CallScope, context: Context) -> None:
    scope.finish()
    context.set_trailing_metadata(((REQUEST_ID, scope.request_id),))


async def _fail(scope: CallScope, error: BaseException, context: Context) -> None:
    status = scope.finish(error)
    if status is not None:
        await context.abort(_CODES[status.code], status.message, _trailing_metadata(scope, status))


def _trailing_metadata(scope: CallScope, status: Status) -> tuple[tuple[str, str | bytes], ...]:
    return (REQUEST_ID, scope.request_id), (_DETAILS_KEY, status.SerializeToString())
