"""What surrounds a call: counting, logging, and statuses for errors."""

import asyncio
from collections.abc import Iterable
from typing import Any

import grpc
import pytest
import structlog
from google.rpc.error_details_pb2 import ErrorInfo
from google.rpc.status_pb2 import Status

from housing_server.core.callers import RunTimes
from housing_server.core.gate import Gate
from housing_server.errors import ModelNotLoaded
from housing_server.grpc_transport.call import Call, Method

METHOD = Method(kind="unary", service="test.Service", name="Do")
TRACE = "a" * 32
Logs = list[dict[str, Any]]


class Aborted(Exception):
    """What a context raises to end a call."""


class Context:
    """The part of a grpc.aio context that a call uses."""

    def __init__(self) -> None:
        self.code: grpc.StatusCode | None = None
        self.details = ""
        self.trailers: dict[str, bytes] = {}

    def peer(self) -> str:
        """Who calls."""
        return "ipv4:127.0.0.1:1"

    def time_remaining(self) -> float | None:
        """How long the caller waits."""
        return 5.0

    def invocation_metadata(self) -> tuple[tuple[str, str], ...]:
        """What the caller sent along."""
        return (("x-request-id", "r-1"), ("traceparent", f"00-{TRACE}-{'1' * 16}-01"))

    async def abort(self, code: grpc.StatusCode, details: str, trailers: tuple[tuple[str, bytes], ...]) -> None:
        """End the call."""
        self.code, self.details, self.trailers = code, details, dict(trailers)
        raise Aborted


class Ledger:
    """An observer that remembers how calls began and ended."""

    def __init__(self) -> None:
        self.started = 0
        self.codes: list[grpc.StatusCode] = []

    def call_started(self, method: Method) -> None:
        """Remember a start."""
        assert method is METHOD
        self.started += 1

    def call_ended(self, method: Method, code: grpc.StatusCode, seconds: float) -> None:
        """Remember an end."""
        assert method is METHOD
        assert seconds >= 0
        self.codes.append(code)


class Span:
    """A span that remembers how its call ended."""

    trace_id = "b" * 32

    def __init__(self) -> None:
        self.codes: list[grpc.StatusCode] = []

    def ran(self, times: RunTimes) -> None:
        """Not used: nothing is predicted here."""

    def end(self, code: grpc.StatusCode) -> None:
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
        self.context = Context()
        self.ledger = Ledger()
        self.gate = Gate()

    async def run(self, outcome: BaseException | None = None) -> Logs:
        """Run one call that ends like this; return what was logged."""
        with structlog.testing.capture_logs() as logs:
            try:
                async with Call(
                    METHOD,
                    self.context,  # type: ignore[arg-type]  # the real class cannot be made without a server
                    gate=self.gate,
                    observer=self.ledger,
                    log=structlog.get_logger(),
                    tracer=self.tracer,
                ):
                    if outcome is not None:
                        raise outcome
            except (Aborted, asyncio.CancelledError):
                pass
        return [dict(entry) for entry in logs]


@pytest.fixture
def harness() -> Harness:
    """A fresh harness."""
    return Harness()


async def test_good_call_is_counted_and_logged_once(harness: Harness) -> None:
    """One event tells method, code, caller, and the ids of request and trace."""
    (event,) = await harness.run()
    assert (harness.ledger.started, harness.ledger.codes) == (1, [grpc.StatusCode.OK])
    assert (event["event"], event["method"], event["code"]) == ("rpc", "Do", "OK")
    assert (event["peer"], event["request_id"], event["trace_id"]) == ("ipv4:127.0.0.1:1", "r-1", TRACE)


@pytest.mark.parametrize("outcome", [None, ModelNotLoaded(), asyncio.CancelledError()])
async def test_traced_call_ends_its_span_with_its_code(harness: Harness, outcome: BaseException | None) -> None:
    """However it ends, and the trace that it is known by is the tracer's."""
    harness.tracer = Tracer()
    (event,) = await harness.run(outcome)
    assert harness.tracer.span.codes == harness.ledger.codes
    assert (event["code"], event["trace_id"]) == (harness.ledger.codes[0].name, Span.trace_id)


async def test_request_error_becomes_its_status_with_details(harness: Harness) -> None:
    """Code and text reach the caller, and the details travel as a trailer."""
    (event,) = await harness.run(ModelNotLoaded())
    assert harness.context.code is grpc.StatusCode.UNAVAILABLE
    assert harness.context.details == event["reason"] == str(ModelNotLoaded())
    status, info = Status.FromString(harness.context.trailers["grpc-status-details-bin"]), ErrorInfo()
    assert status.details[-1].Unpack(info)
    assert info.reason == "MODEL_NOT_LOADED"
    assert harness.ledger.codes == [grpc.StatusCode.UNAVAILABLE]


async def test_unknown_error_is_logged_whole_and_answered_with_a_fixed_text(harness: Harness) -> None:
    """Nothing of the service's inside reaches the caller."""
    failure, event = await harness.run(ZeroDivisionError("secret"))
    assert isinstance(failure["exc_info"], ZeroDivisionError)
    assert harness.context.code is grpc.StatusCode.INTERNAL
    assert "secret" not in harness.context.details + str(harness.context.trailers)
    assert event["code"] == "INTERNAL"


async def test_cancelled_call_is_counted_as_such(harness: Harness) -> None:
    """A caller that went away is no failure of the service."""
    await harness.run(asyncio.CancelledError())
    assert harness.ledger.codes == [grpc.StatusCode.CANCELLED]
    assert harness.context.code is None


async def test_closed_gate_refuses_new_calls_as_unavailable(harness: Harness) -> None:
    """A service that is shutting down says so with a code that clients try again."""
    await harness.gate.close(seconds=0)
    (event,) = await harness.run()
    assert harness.context.code is grpc.StatusCode.UNAVAILABLE
    assert event["code"] == "UNAVAILABLE"


async def test_gate_waits_for_calls_in_flight() -> None:
    """Closing lets the last call end first, but not for ever."""
    gate = Gate()
    gate.enter()
    closing = asyncio.create_task(gate.close(seconds=60))
    await asyncio.sleep(0)
    assert not gate.open
    assert not closing.done()
    gate.leave()
    await closing
    gate.enter()
    await gate.close(seconds=0)
