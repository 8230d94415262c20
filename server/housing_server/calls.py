"""What happens around every call, whatever it does: counting, timing, logging, and turning errors into statuses."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Protocol

import grpc
import structlog
from google.rpc.status_pb2 import Status

from housing_server.errors import InternalError, RequestError, ShuttingDown
from housing_server.gate import Gate
from housing_server.status import status_from_error

_DETAILS_KEY = "grpc-status-details-bin"
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


class Call:
    """One call: `async with Call(...)` around what answers it.

    A RequestError inside ends the call with its status and details. Any other exception is logged whole and ends it
    as INTERNAL with a fixed text, so that nothing of the service's inside reaches a caller.
    """

    __slots__ = ("_context", "_gate", "_log", "_method", "_observer", "_started")

    def __init__(
        self,
        method: Method,
        context: grpc.aio.ServicerContext[Any, Any],
        *,
        gate: Gate,
        observer: CallObserver,
        log: structlog.typing.FilteringBoundLogger,
    ) -> None:
        self._method = method
        self._context = context
        self._gate = gate
        self._observer = observer
        self._log = log
        self._started = 0.0

    async def __aenter__(self) -> None:
        self._started = time.perf_counter()
        self._observer.call_started(self._method)
        if not self._gate.open:
            await self._fail(ShuttingDown())
        self._gate.enter()

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
        self._end(code, reason=status.message)
        await self._context.abort(code, status.message, _trailing_metadata(status))

    def _end(self, code: grpc.StatusCode, **more: str) -> None:
        seconds = time.perf_counter() - self._started
        self._observer.call_ended(self._method, code, seconds)
        self._log.info(
            "rpc",
            service=self._method.service,
            method=self._method.name,
            code=code.name,
            seconds=round(seconds, 6),
            peer=self._context.peer(),
            request_id=_request_id(self._context),
            **more,
        )


def _trailing_metadata(status: Status) -> tuple[tuple[str, bytes]]:
    return ((_DETAILS_KEY, status.SerializeToString()),)


def _request_id(context: grpc.aio.ServicerContext[Any, Any]) -> str | None:
    """Find the id that the gateway, or a caller, gave the request."""
    metadata = context.invocation_metadata() or ()
    return next((str(value) for key, value in metadata if key == "x-request-id"), None)
