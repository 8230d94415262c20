"""The scope of a call: what happens around every call, whatever its method and transport.

A call is counted, timed and logged, refused while the service stops, and an error that ends it becomes a
`google.rpc.Status`. A transport begins a scope when a call arrives, enters it before the handler runs, and finishes it
with the outcome.
"""

from __future__ import annotations

import re
import time
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol, TypeVar

import uuid_utils
from google.rpc.code_pb2 import CANCELLED, DEADLINE_EXCEEDED, OK, Code
from google.rpc.status_pb2 import Status

from housing_server.core.callers import Caller, CallSpan
from housing_server.core.gate import DrainGate
from housing_server.core.status import status_from_error
from housing_server.errors import DeadlinePassed, InternalError, RequestError, ShuttingDown
from housing_server.limits import MAX_REQUEST_ID_BYTES

DEFAULT_UNARY_SECONDS = 120.0
"""Deadline of a unary call whose caller sets none, from the arrival of its headers."""

REQUEST_ID = "x-request-id"
"""The metadata that carries a request's id, in both directions."""

CALLER = "x-housing-caller"
"""The metadata by which a process of the service names the caller of a call that it forwards to another one."""

AUTHORIZATION = "authorization"
API_KEY = "x-api-key"
CERTIFICATE = "x-forwarded-client-cert"
CREDENTIALS = (AUTHORIZATION, API_KEY, CERTIFICATE)
"""The metadata that shows who calls; the last is an Envoy's report of the caller's certificate."""
CANARY = "housing-canary"
"""The metadata by which a caller chooses whether the canary answers: `always` or `never`; otherwise it is drawn."""

_REQUEST_ID = re.compile(rf"[\x21-\x7e]{{1,{MAX_REQUEST_ID_BYTES}}}")
"""A request id that is safe in a header, a log line and a record."""
_TRACEPARENT = re.compile(r"[0-9a-f]{2}-(?!0{32})([0-9a-f]{32})-[0-9a-f]{16}-[0-9a-f]{2}.*")

CODE_NAMES: dict[int, str] = {number: name for name, number in Code.items()}
"""The names of the codes of `google.rpc.Code`, which are those of gRPC."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)  # by identity: each call looks up what is counted with it
class Method:
    """A method of a service."""

    kind: str
    """`unary`, `server_stream` or `bidi_stream`."""
    service: str
    """Full name of the service, for example `housing.v1.PredictionService`."""
    name: str
    """Name of the method, for example `Predict`."""

    @property
    def path(self) -> str:
        """The path of its HTTP/2 requests: `/SERVICE/NAME`."""
        return f"/{self.service}/{self.name}"

    @property
    def labels(self) -> tuple[str, str, str]:
        """Kind, service and name: the labels of metrics."""
        return self.kind, self.service, self.name


class Credentials(NamedTuple):
    """What a call brings to be admitted."""

    token: str | None = None
    """The API key, as sent."""
    names: Sequence[str] = ()
    """Names of the caller's verified certificate."""

    def __repr__(self) -> str:
        return "Credentials(...)"


NO_CREDENTIALS = Credentials()
"""A call without any."""

_Message = TypeVar("_Message")


class CallObserver(Protocol):
    """Counts calls."""

    def call_started(self, method: Method) -> None:
        """Count a call that has arrived."""

    def call_ended(self, method: Method, code: int, seconds: float) -> None:
        """Count a call that has ended with a `google.rpc.Code`, `seconds` after it arrived."""

    def calls_succeeded(self, method: Method, seconds: Sequence[float]) -> None:
        """Count calls that have succeeded, each so long after it arrived."""


class CallTracer(Protocol):
    """Traces calls."""

    def start(self, method: Method, metadata: Iterable[tuple[str, str | bytes]]) -> CallSpan:
        """Start the span of a call that has arrived with this metadata."""


class CallLog(Protocol):
    """Logs calls."""

    def info(self, event: str, **facts: object) -> object:
        """Log a call."""

    def error(self, event: str, **facts: object) -> object:
        """Log a call that failed with an unexpected exception."""


class CallAuthority(Protocol):
    """Decides whether callers may make their calls."""

    def credentials(self, metadata: Iterable[tuple[str, str | bytes]], names: Sequence[str]) -> Credentials:
        """Return what a call brings.

        Args:
            metadata: names, in lower case, and values.
            names: of the certificate that the transport has verified.
        """

    def admit(self, method: Method, credentials: Credentials) -> str | None:
        """Return the name of the caller, once the call is allowed and counted; None for a call open to anyone.

        Raises:
            RequestError: it is not allowed.
        """


class Calls:
    """Creates the scopes of calls; used on the event loop only."""

    def __init__(  # noqa: PLR0913 - keyword-only arguments are clear in any number
        self,
        *,
        gate: DrainGate,
        observer: CallObserver,
        log: CallLog,
        tracer: CallTracer | None = None,
        authority: CallAuthority | None = None,
        peer_on_record: Callable[[str], str] | None = None,
        relayed: bool = False,
        unary_seconds: float = DEFAULT_UNARY_SECONDS,
        new_id: Callable[[], object] = uuid_utils.uuid7,
    ) -> None:
        """Set what all scopes share.

        Args:
            gate: counts the calls in flight, and closes when the service stops.
            observer: counts calls.
            log: logs calls.
            tracer: traces calls; None for no tracing.
            authority: admits callers; None to admit all.
            peer_on_record: returns what is recorded of a peer address; None to record all of it.
            relayed: whether another process of the service forwards the calls, and names their callers.
            unary_seconds: deadline of a unary call whose caller sets none.
            new_id: returns an id for a request without a valid one.
        """
        self.gate = gate
        self.observer = observer
        self.log = log
        self.authority = authority
        self._relayed = relayed
        self._tracer = tracer
        self._peer_on_record = peer_on_record
        self._unary_seconds = unary_seconds
        self._new_id = new_id

    # In the path of every call a branch is cheaper than a function for it.
    def begin(  # noqa: C901  # pylint: disable=too-many-locals
        self,
        method: Method,
        metadata: Iterable[tuple[str, str | bytes]],
        *,
        peer: str,
        seconds_left: float | None,
        names: Sequence[str] = (),
    ) -> CallScope:
        """Count a call that has arrived, and open its scope.

        Args:
            method: the method that is called.
            metadata: names, in lower case, and values.
            peer: peer address of the call.
            seconds_left: time until the caller's deadline; None without one.
            names: of the caller's certificate, if the transport has verified one.
        """
        arrived = time.perf_counter()
        self.observer.call_started(method)
        request_id = traceparent = canary = trace_id = span = None
        identity = ""
        for key, value in metadata:
            if key == REQUEST_ID:
                request_id = str(value)
            elif key == "traceparent":
                traceparent = str(value)
            elif key == CALLER and self._relayed:
                identity = str(value)
            elif key == CANARY:
                canary = str(value)
        if request_id is None or not is_request_id(request_id):
            request_id = str(self._new_id())
        if traceparent is not None:
            trace_id = _trace_id(traceparent)
        if self._tracer is not None:
            span = self._tracer.start(method, metadata)
            trace_id = span.trace_id
        if seconds_left is None and method.kind == "unary":
            seconds_left = self._unary_seconds
        deadline = None if seconds_left is None else arrived + seconds_left
        shown = None if self._peer_on_record is None else self._peer_on_record(peer)
        caller = Caller(
            method.name, peer, request_id, trace_id, arrived, deadline, span, traceparent, shown, identity, canary
        )
        scope = CallScope(self, method, caller, request_id)
        if self.authority is not None:
            scope.credentials = self.authority.credentials(metadata, names)
        return scope

    def finish_all(self, scopes: Sequence[CallScope]) -> None:
        """Finish calls of one method that have succeeded: like `finish` for each, but counted together."""
        now = time.perf_counter()
        seconds = [now - scope.caller.arrived for scope in scopes]
        self.observer.calls_succeeded(scopes[0].method, seconds)
        for scope, each in zip(scopes, seconds, strict=True):
            scope.succeeded(each)


class CallScope:
    """One call, from its arrival to its end."""

    __slots__ = ("_calls", "_identity", "_inside", "caller", "credentials", "method", "request_id")

    def __init__(self, calls: Calls, method: Method, caller: Caller, request_id: str) -> None:
        self._calls = calls
        self.method = method
        """The method that is called."""
        self.caller = caller
        """The origin of the call."""
        self.request_id = request_id
        """The request id, to be returned to the caller."""
        self.credentials = NO_CREDENTIALS
        """What the call brings to be admitted."""
        self._identity: str | None = None
        self._inside = False

    def enter(self) -> Caller:
        """Count the call as in flight.

        Raises:
            ShuttingDown: the service is stopping.
            DeadlinePassed: the deadline has passed already.
            RequestError: the caller may not make this call.
        """
        caller, gate = self.caller, self._calls.gate
        if not gate.open:
            raise ShuttingDown
        if caller.deadline is not None and caller.deadline <= caller.arrived:
            raise DeadlinePassed
        if self._calls.authority is not None:
            self._identity = self._calls.authority.admit(self.method, self.credentials)
            if self._identity is not None:
                self.caller = caller = caller._replace(identity=self._identity)
        gate.enter()
        self._inside = True
        return caller

    def admitted(self, messages: AsyncIterator[_Message]) -> AsyncIterator[_Message]:
        """Return the messages of a stream, each admitted and counted as a call: a key may be revoked meanwhile."""
        authority = self._calls.authority
        return messages if authority is None else self._admit_each(messages, authority)

    async def _admit_each(self, messages: AsyncIterator[_Message], authority: CallAuthority) -> AsyncIterator[_Message]:
        first = True  # it was admitted with the call
        async for message in messages:
            if not first:
                authority.admit(self.method, self.credentials)
            first = False
            yield message

    def finish(self, error: BaseException | None = None) -> Status | None:
        """Leave the gate; count and log the outcome of the call.

        Args:
            error: the exception that ended it; None on success. A RequestError becomes its status. Any other exception
                is logged with its traceback and becomes INTERNAL with a fixed text, so that callers see nothing
                internal.

        Returns:
            The status to send; None on success, or when the caller has disconnected.
        """
        if self._inside:
            self._calls.gate.leave()
        if error is None:
            self._end(OK)
            return None
        if isinstance(error, TimeoutError) and self.caller.late:
            error = DeadlinePassed()
        if not isinstance(error, Exception):
            self._end(DEADLINE_EXCEEDED if self.caller.late else CANCELLED)
            return None
        if not isinstance(error, RequestError):
            self._calls.log.error("call failed", method=self.method.name, request_id=self.request_id, exc_info=error)
            error = InternalError()
        status = status_from_error(error)
        self._end(status.code, reason=error.cause)
        return status

    def succeeded(self, seconds: float) -> None:
        """Leave the gate and log the success of the call, which is counted already."""
        if self._inside:
            self._calls.gate.leave()
        self._log(OK, seconds)

    def _end(self, code: int, **more: str) -> None:
        seconds = time.perf_counter() - self.caller.arrived
        self._calls.observer.call_ended(self.method, code, seconds)
        self._log(code, seconds, **more)

    def _log(self, code: int, seconds: float, **more: str) -> None:
        calls, method, caller = self._calls, self.method, self.caller
        if self._identity is not None:
            more["caller"] = self._identity
        if caller.span is not None:
            caller.span.end(code)
        calls.log.info(
            "rpc",
            service=method.service,
            method=method.name,
            code=CODE_NAMES[code],
            seconds=round(seconds, 6),
            peer=caller.peer_on_record,
            request_id=self.request_id,
            trace_id=caller.trace_id,
            **more,
        )


class Uncounted:
    """Counts nothing: for calls that another process has counted."""

    def call_started(self, method: Method) -> None:
        """Do nothing."""

    def call_ended(self, method: Method, code: int, seconds: float) -> None:
        """Do nothing."""

    def calls_succeeded(self, method: Method, seconds: Sequence[float]) -> None:
        """Do nothing."""


class FailuresCounted:
    """Counts only failed calls: probes and reflection would outnumber the calls that matter."""

    def __init__(self, observer: CallObserver) -> None:
        self._observer = observer

    def call_started(self, method: Method) -> None:
        """Do nothing yet."""

    def call_ended(self, method: Method, code: int, seconds: float) -> None:
        """Count a failed call."""
        if code not in {OK, CANCELLED}:
            self._observer.call_started(method)
            self._observer.call_ended(method, code, seconds)

    def calls_succeeded(self, method: Method, seconds: Sequence[float]) -> None:
        """Do nothing."""


class FailuresLogged:
    """Logs only failed calls, or only those that failed with an unexpected exception."""

    def __init__(self, log: CallLog, *, unforeseen_only: bool = False) -> None:
        self._log = log
        self._unforeseen_only = unforeseen_only

    def info(self, event: str, **facts: object) -> None:
        """Log a call unless it succeeded."""
        if not self._unforeseen_only and facts.get("code") not in {"OK", "CANCELLED"}:
            self._log.info(event, **facts)

    def error(self, event: str, **facts: object) -> None:
        """Log a call that failed with an unexpected exception."""
        self._log.error(event, **facts)


def background_calls(
    observer: CallObserver, log: CallLog, *, peer_on_record: Callable[[str], str] | None = None
) -> Calls:
    """Create scopes for probes and reflection: answered during shutdown, counted and logged only when they fail."""
    counted, logged = FailuresCounted(observer), FailuresLogged(log)
    return Calls(gate=DrainGate(), observer=counted, log=logged, peer_on_record=peer_on_record)


def relayed_calls(log: CallLog) -> Calls:
    """Create scopes for calls that a worker has relayed here: the worker counts and logs them, but for exceptions."""
    return Calls(gate=DrainGate(), observer=Uncounted(), log=FailuresLogged(log, unforeseen_only=True), relayed=True)


def is_request_id(text: str) -> bool:
    """Return whether a request may have this id."""
    return _REQUEST_ID.fullmatch(text) is not None


def _trace_id(traceparent: str) -> str | None:
    """Parse the trace id of a W3C trace context: `VERSION-TRACE_ID-SPAN_ID-FLAGS`."""
    match = _TRACEPARENT.fullmatch(traceparent)
    return match[1] if match else None
