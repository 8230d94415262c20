"""What surrounds a call: counting, logging, ids, and statuses for errors."""

import asyncio
from collections.abc import Iterable, Sequence
from typing import Any

import pytest
import structlog
from google.rpc.code_pb2 import (
    CANCELLED,
    DEADLINE_EXCEEDED,
    INTERNAL,
    INVALID_ARGUMENT,
    OK,
    UNAVAILABLE,
)
from google.rpc.error_details_pb2 import ErrorInfo
from google.rpc.status_pb2 import Status

from housing_server.core.callers import RunTimes
from housing_server.core.calls import CODE_NAMES, Calls, CallScope, Method, background_calls, relayed_calls
from housing_server.core.gate import DrainGate
from housing_server.errors import ModelNotLoaded, UndecodableMessage

METHOD = Method(kind="unary", service="test.Service", name="Do")
STREAM = Method(kind="bidi_stream", service="test.Service", name="Go")
TRACE = "a" * 32
METADATA = (("x-request-id", "r-1"), ("traceparent", f"00-{TRACE}-{'1' * 16}-01"))
Logs = list[dict[str, Any]]


class Ledger:
    """An observer that remembers how calls began and ended."""

    def __init__(self) -> None:
        self.started = 0
        self.codes: list[int] = []

    def call_started(self, method: Method) -> None:
        """Remember a start."""
        assert method is METHOD
        self.started += 1

    def call_ended(self, method: Method, code: int, seconds: float) -> None:
        """Remember an end."""
        assert method is METHOD
        assert seconds >= 0
        self.codes.append(code)

    def calls_succeeded(self, method: Method, seconds: Sequence[float]) -> None:
        """Remember ends that were successes."""
        for each in seconds:
            self.call_ended(method, OK, each)


class Span:
    """A span that remembers how its call ended."""

    trace_id = "b" * 32

    def __init__(self) -> None:
        self.codes: list[int] = []

    def ran(self, times: RunTimes) -> None:
        """Not used: nothing is predicted here."""

    def end(self, code: int) -> None:
        """Remember an end."""
        self.codes.append(code)


class Tracer:
    """A tracer that makes one span."""

    def __init__(self) -> None:
        self.span = Span()

    def start(self, method: Method, metadata: Iterable[tuple[str, str | bytes]]) -> Span:
        """Begin to trace a call."""
        assert method is METHOD
        assert "traceparent" in dict(metadata)
        return self.span


class Harness:
    """Runs calls and keeps what came of them."""

    def __init__(self) -> None:
        self.tracer: Tracer | None = None
        self.ledger = Ledger()
        self.gate = DrainGate()
        self.status: Status | None = None

    def begin(self, seconds_left: float | None = 5.0, method: Method = METHOD) -> CallScope:
        """Begin a call."""
        log = structlog.get_logger()
        calls = Calls(gate=self.gate, observer=self.ledger, log=log, tracer=self.tracer, unary_seconds=7)
        return calls.begin(method, METADATA, peer="ipv4:127.0.0.1:1", seconds_left=seconds_left)

    def run(self, outcome: BaseException | None = None, seconds_left: float | None = 5.0) -> Logs:
        """Run one call that ends like this; return what was logged."""
        with structlog.testing.capture_logs() as logs:
            scope = self.begin(seconds_left)
            try:
                scope.enter()
                if outcome is not None:
                    raise outcome
            except BaseException as error:  # pylint: disable=broad-exception-caught  # as a transport does
                self.status = scope.finish(error)
            else:
                self.status = scope.finish()
        return [dict(entry) for entry in logs]


@pytest.fixture
def harness() -> Harness:
    """A fresh harness."""
    return Harness()


def reason(status: Status | None) -> str:
    """The stable reason of a status."""
    info = ErrorInfo()
    assert status is not None
    assert status.details[-1].Unpack(info)
    return str(info.reason)


def test_good_call_is_counted_and_logged_once(harness: Harness) -> None:
    """One event holds method, code, caller, and the ids of request and trace."""
    (event,) = harness.run()
    assert (harness.ledger.started, harness.ledger.codes, harness.status) == (1, [OK], None)
    assert (event["event"], event["method"], event["code"]) == ("rpc", "Do", "OK")
    assert (event["peer"], event["request_id"], event["trace_id"]) == ("ipv4:127.0.0.1:1", "r-1", TRACE)


def test_calls_that_are_finished_together_are_counted_and_logged_each(harness: Harness) -> None:
    """As if each had been finished alone; the gate lets all of them out."""
    calls = Calls(gate=harness.gate, observer=harness.ledger, log=structlog.get_logger())
    scopes = [calls.begin(METHOD, (), peer="ipv4:127.0.0.1:1", seconds_left=None) for _ in range(3)]
    with structlog.testing.capture_logs() as logs:
        for scope in scopes:
            scope.enter()
        calls.finish_all(scopes)
    assert harness.ledger.codes == [OK] * 3
    assert [entry["request_id"] for entry in logs] == [scope.request_id for scope in scopes]
    assert {(entry["event"], entry["code"]) for entry in logs} == {("rpc", "OK")}
    asyncio.run(asyncio.wait_for(harness.gate.close(seconds=60), 5))


@pytest.mark.parametrize("outcome", [None, ModelNotLoaded(), asyncio.CancelledError()])
def test_traced_call_ends_its_span_with_its_code(harness: Harness, outcome: BaseException | None) -> None:
    """However it ends; and the trace that is logged is the tracer's."""
    harness.tracer = Tracer()
    (event,) = harness.run(outcome)
    assert harness.tracer.span.codes == harness.ledger.codes
    assert (event["code"], event["trace_id"]) == (CODE_NAMES[harness.ledger.codes[0]], Span.trace_id)


def test_request_error_becomes_its_status_with_details(harness: Harness) -> None:
    """Code, text and reason are for the caller; the log has them too."""
    (event,) = harness.run(ModelNotLoaded())
    assert harness.status is not None
    assert harness.status.code == UNAVAILABLE
    assert harness.status.message == event["reason"] == str(ModelNotLoaded())
    assert reason(harness.status) == "MODEL_NOT_LOADED"
    assert harness.ledger.codes == [UNAVAILABLE]


def test_unknown_error_is_logged_whole_and_answered_with_a_fixed_text(harness: Harness) -> None:
    """Nothing internal reaches the caller."""
    failure, event = harness.run(ZeroDivisionError("secret"))
    assert isinstance(failure["exc_info"], ZeroDivisionError)
    assert failure["request_id"] == "r-1"
    assert harness.status is not None
    assert harness.status.code == INTERNAL
    assert "secret" not in str(harness.status)
    assert event["code"] == "INTERNAL"


def test_cancelled_call_is_counted_as_such(harness: Harness) -> None:
    """A caller that went away is no failure of the service, and nobody is left to answer."""
    harness.run(asyncio.CancelledError())
    assert (harness.ledger.codes, harness.status) == ([CANCELLED], None)


def test_call_whose_deadline_has_passed_is_not_begun(harness: Harness) -> None:
    """It is answered DEADLINE_EXCEEDED, whatever the load."""
    harness.run(seconds_left=0.0)
    assert reason(harness.status) == "DEADLINE_EXCEEDED"
    assert harness.ledger.codes == [DEADLINE_EXCEEDED]


@pytest.mark.parametrize("outcome", [TimeoutError(), asyncio.CancelledError()])
def test_call_that_ends_after_its_deadline_is_counted_as_late(harness: Harness, outcome: BaseException) -> None:
    """Whether the transport cancelled it or a timeout ended it."""
    scope = harness.begin(seconds_left=1e-9)
    scope.finish(outcome)
    assert harness.ledger.codes == [DEADLINE_EXCEEDED]


def test_timeout_before_the_deadline_is_a_failure_of_the_service(harness: Harness) -> None:
    """It is none of the caller's deadline."""
    harness.run(TimeoutError())
    assert harness.ledger.codes == [INTERNAL]


def test_unary_call_without_a_deadline_gets_one(harness: Harness) -> None:
    """A stream does not: it may be open for as long as its caller sends."""
    caller = harness.begin(seconds_left=None).caller
    assert caller.deadline == caller.arrived + 7
    log = structlog.get_logger()
    calls = Calls(gate=harness.gate, observer=relayed_calls(log).observer, log=log)
    assert calls.begin(STREAM, (), peer="", seconds_left=None).caller.deadline is None


def test_closed_gate_refuses_new_calls_as_unavailable(harness: Harness) -> None:
    """A service that is shutting down answers with a code that clients try again."""
    harness.gate.open = False
    (event,) = harness.run()
    assert reason(harness.status) == "SHUTTING_DOWN"
    assert event["code"] == "UNAVAILABLE"


@pytest.mark.parametrize("bad", [None, "", "two words", "\u00e9", "a\nb", "x" * 129, b"\xff"])
def test_missing_or_invalid_request_id_is_replaced(bad: str | bytes | None) -> None:
    """The id goes into headers, logs and records."""
    log = structlog.get_logger()
    calls = Calls(gate=DrainGate(), observer=relayed_calls(log).observer, log=log, new_id=lambda: "made")
    metadata = () if bad is None else (("x-request-id", bad),)
    scope = calls.begin(METHOD, metadata, peer="", seconds_left=None)
    # What bytes look like as text is ASCII, and harmless.
    assert scope.request_id == scope.caller.request_id == ("made" if not isinstance(bad, bytes) else str(bad))


@pytest.mark.parametrize(
    ("outcome", "counted"),
    [(None, []), (asyncio.CancelledError(), []), (UndecodableMessage("x.Y"), [INVALID_ARGUMENT])],
)
def test_probes_are_counted_and_logged_when_they_fail(outcome: BaseException | None, counted: list[int]) -> None:
    """Otherwise they would outnumber the calls that matter."""
    ledger = Ledger()
    with structlog.testing.capture_logs() as logs:
        background_calls(ledger, structlog.get_logger()).begin(METHOD, (), peer="", seconds_left=None).finish(outcome)
    assert (ledger.codes, ledger.started, len(logs)) == (counted, len(counted), len(counted))


def test_relayed_call_logs_only_what_nobody_foresaw() -> None:
    """The worker that relayed it has logged the rest."""
    calls = relayed_calls(structlog.get_logger())
    with structlog.testing.capture_logs() as logs:
        for outcome in (None, ModelNotLoaded(), ZeroDivisionError()):
            calls.begin(METHOD, (), peer="", seconds_left=None).finish(outcome)
    assert [entry["event"] for entry in logs] == ["call failed"]


async def test_gate_waits_for_calls_in_flight(harness: Harness) -> None:
    """Closing lets the last call end first, but not for ever."""
    scope = harness.begin()
    scope.enter()
    closing = asyncio.create_task(harness.gate.close(seconds=60))
    await asyncio.sleep(0)
    assert not harness.gate.open
    assert not closing.done()
    scope.finish()
    await closing
    harness.gate.enter()
    await harness.gate.close(seconds=0)


def test_recorded_address_is_not_the_one_that_limits_use() -> None:
    """Two callers of one network have each their own share of memory, and the same address on record."""
    with structlog.testing.capture_logs() as logs:
        calls = Calls(
            gate=DrainGate(), observer=Ledger(), log=structlog.get_logger(), peer_on_record=lambda _peer: "somewhere"
        )
        scope = calls.begin(METHOD, (), peer="ipv4:192.0.2.77:1", seconds_left=None)
        scope.finish()
    assert (scope.caller.peer, scope.caller.peer_on_record) == ("ipv4:192.0.2.77:1", "somewhere")
    assert logs[0]["peer"] == "somewhere"
