"""What happens around every call, whatever it does: counting, timing, logging, and turning errors into statuses."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Iterable
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Protocol

import grpc
from google.rpc.status_pb2 import Status

from housing_server.core.callers import Caller, CallSpan
from housing_server.core.gate import Gate
from housing_server.core.status import status_from_error
from housing_server.errors import InternalError, RequestError, ShuttingDown

_DETAILS_KEY = "grpc-status-details-bin"
_TRACEPARENT = re.compile(r"[0-9a-f]{2}-(?!0{32})([0-9a-f]{32})-[0-9a-f]{16}-[0-9a-f]{2}.*")
_MAX_REQUEST_ID = 128
"""Longer ids are cut: they go into every log and record."""
_CODES = {code.value[0]: code for code in grpc.StatusCode}


@dataclass(frozen=True, slots=True, kw_only=True)
class Method:
    """A method of a service."""

    kind: str
    """`unary` or `bidi_stream`."""
    service: str
    """Full name of the service, for example `housing.v1.PredictionService`."""
    name: str
    """Name of the method, for example `Predict`."""

    @property
    def labels(self) -> tuple[str, str, str]:
        """Kind, service and name, as metrics are labelled."""
        return self.kind, self.service, self.name


class CallObserver(Protocol):
    """Who is told of calls."""

    def call_started(self, method: Method) -> None:
        """Note a call that has arrived."""

    def call_ended(self, method: Method, code: grpc.StatusCode, seconds: float) -> None:
        """Note a call that has ended with a code, so many seconds after it arrived."""


class CallTracer(Protocol):
    """What traces calls."""

    def start(self, method: Method, metadata: Iterable[tuple[str, str | bytes]]) -> CallSpan:
        """Begin to trace a call that has arrived with this metadata."""


class CallLog(Protocol):
    """Where calls are logged."""

    def info(self, event: str, **facts: object) -> object:
        """Log a call."""

    def error(self, event: str, **facts: object) -> object:
        """Log a call that failed in a way that nobody foresaw."""


class Call:
    """One call: `async with Call(...) as caller` around what answers it.

    A RequestError inside ends the call with its status and details. Any other exception is logged whole and ends it
    as INTERNAL with a fixed text, so that nothing of the service's inside reaches a caller.
    """

    __slots__ = ("_caller", "_context", "_gate", "_log", "_method", "_observer")

    def __init__(  # noqa: PLR0913 - keyword-only arguments are clear in any number
        self,
        method: Method,
        context: grpc.aio.ServicerContext[Any, Any],
        *,
        gate: Gate,
        observer: CallObserver,
        log: CallLog,
        tracer: CallTracer | None = None,
    ) -> None:
        self._method = method
        self._context = context
        self._gate = gate
        self._observer = observer
        self._log = log
        self._caller = _caller(method, context, tracer)

    async def __aenter__(self) -> Caller:
        self._observer.call_started(self._method)
        if not self._gate.open:
            await self._fail(ShuttingDown())
        self._gate.enter()
        return self._caller

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._gate.leave()
        if error is None:
            self._end(grpc.StatusCode.OK)
        elif isinstance(error, RequestError):
            await self._fail(error)
        elif isinstance(error, asyncio.CancelledError | GeneratorExit):
            self._end(grpc.StatusCode.CANCELLED)
        elif isinstance(error, Exception):
            self._log.error("call failed", method=self._method.name, exc_info=error)
            await self._fail(InternalError())

    async def _fail(self, error: RequestError) -> None:
        status = status_from_error(error)
        code = _CODES[status.code]
        self._end(code, reason=error.cause)
        await self._context.abort(code, status.message, _trailing_metadata(status))

    def _end(self, code: grpc.StatusCode, **more: str) -> None:
        seconds = time.perf_counter() - self._caller.arrived
        self._observer.call_ended(self._method, code, seconds)
        if self._caller.span is not None:
            self._caller.span.end(code)
        self._log.info(
            "rpc",
            service=self._method.service,
            method=self._method.name,
            code=code.name,
            seconds=round(seconds, 6),
            peer=self._caller.peer,
            request_id=self._caller.request_id,
            trace_id=self._caller.trace_id,
            **more,
        )


def _trailing_metadata(status: Status) -> tuple[tuple[str, bytes]]:
    return ((_DETAILS_KEY, status.SerializeToString()),)


def _caller(method: Method, context: grpc.aio.ServicerContext[Any, Any], tracer: CallTracer | None) -> Caller:
    """Tell who calls. The gateway, or the caller, names request and trace in the metadata."""
    metadata = context.invocation_metadata() or ()
    request_id = trace_id = span = None
    for key, value in metadata:
        if key == "x-request-id":
            request_id = str(value)[:_MAX_REQUEST_ID]
        elif key == "traceparent":
            trace_id = _trace_id(str(value))
    if tracer is not None:
        span = tracer.start(method, metadata)
        trace_id = span.trace_id
    arrived, left = time.perf_counter(), context.time_remaining()
    deadline = None if left is None else arrived + left
    return Caller(method.name, context.peer(), request_id, trace_id, arrived, deadline, span)


def _trace_id(traceparent: str) -> str | None:
    """Read the trace's id from a W3C trace context: `VERSION-TRACE_ID-SPAN_ID-FLAGS`."""
    match = _TRACEPARENT.fullmatch(traceparent)
    return match[1] if match else None
