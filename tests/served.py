"""A real server on a free port, in the test's own process, with a core of fakes."""

import asyncio
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

import grpc
import pytest
import structlog
from google.rpc.error_details_pb2 import ErrorInfo
from grpc_status.rpc_status import from_call

from housing.services import SERVICES
from housing_server.core.byte_budget import ByteBudget
from housing_server.core.calls import CODE_NAMES, Calls, Method, background_calls
from housing_server.core.deadlines import Deadlines
from housing_server.core.gate import DrainGate
from housing_server.core.services import ReportedStatus, model_endpoints, prediction_endpoints, status_endpoints
from housing_server.grpc_transport.handlers import Handlers
from housing_server.grpc_transport.health import Health
from housing_server.grpc_transport.reflection import reflection_endpoints
from running import PATIENCE
from serving_fakes import ListLog, Notes, make_core

UNSENT_BYTES = 1 << 20
UNARY_SECONDS = 60.0


class Counts:
    """Counts calls by method and code."""

    def __init__(self) -> None:
        self.started: Counter[str] = Counter()
        self.ended: Counter[tuple[str, str]] = Counter()

    def call_started(self, method: Method) -> None:
        """Count a start."""
        self.started[method.name] += 1

    def call_ended(self, method: Method, code: int, seconds: float) -> None:
        """Count an end."""
        assert seconds >= 0
        self.ended[method.name, CODE_NAMES[code]] += 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Served:
    """A server, and what it has counted."""

    port: int
    """Its port."""
    counts: Counts
    """The calls it has counted."""
    health: Health
    """The health it reports."""
    unsent: ByteBudget
    """The answers that wait to be sent."""
    channel: grpc.aio.Channel
    """A connection to it that tries nothing again."""

    async def send(self, path: str, message: bytes) -> bytes:
        """Send bytes to a method; return those that it answers with."""
        method: grpc.aio.UnaryUnaryMultiCallable[bytes, bytes] = self.channel.unary_unary(path)
        return await method(message)

    async def refusal(self, path: str, message: bytes) -> tuple[str, str, str]:
        """Send bytes to a method; return code, reason and text of the refusal."""
        with pytest.raises(grpc.aio.AioRpcError) as raised:
            await self.send(path, message)
        return code_reason_text(raised.value)


def code_reason_text(error: grpc.aio.AioRpcError) -> tuple[str, str, str]:
    """Code, stable reason and text of a refusal."""
    status, info = from_call(error), ErrorInfo()  # type: ignore[arg-type]  # it has all that is asked for
    assert status is not None, error
    assert status.details[-1].Unpack(info)
    return error.code().name, info.reason, status.message


def mounted(counts: Counts, health: Health, unsent: ByteBudget, unary_seconds: float = UNARY_SECONDS) -> Handlers:
    """Mount every service that a worker answers by itself."""
    log = structlog.get_logger()
    calls = Calls(gate=DrainGate(), observer=counts, log=log, unary_seconds=unary_seconds)
    core = make_core(Notes(), ListLog())
    handlers = Handlers(calls, unsent=unsent, deadlines=Deadlines(sweep_seconds=0.01))
    for endpoints in (prediction_endpoints(core), model_endpoints(core), status_endpoints(ReportedStatus())):
        handlers.mount(endpoints, calls)
    for endpoints in (health.endpoints, reflection_endpoints(SERVICES)):
        handlers.mount(endpoints, background_calls(counts, log))
    return handlers


async def until(condition: Callable[[], bool]) -> None:
    """Let the event loop turn until a condition holds."""
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline
        await asyncio.sleep(0.005)
