"""A real server on a free port with a core of fakes: of gRPC's library in the test's own process, or inside Envoy."""

import asyncio
import json
import time
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import grpc
import pytest
import structlog
from google.rpc.code_pb2 import OK
from google.rpc.error_details_pb2 import ErrorInfo
from grpc_status.rpc_status import from_call

from housing.services import SERVICES
from housing_server.core.calls import CODE_NAMES, Calls, Method, background_calls
from housing_server.core.endpoints import Endpoint
from housing_server.core.gate import DrainGate
from housing_server.core.services import ReportedStatus, model_endpoints, prediction_endpoints, status_endpoints
from housing_server.grpc_transport.health import Health
from housing_server.grpc_transport.reflection import reflection_endpoints
from running import PATIENCE
from serving_fakes import ListLog, Notes, make_core

UNSENT_BYTES = 1 << 20
UNARY_SECONDS = 60.0
CONTROL = "/test.Control/Order"
"""The method by which a test steers a server inside Envoy."""


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

    def calls_succeeded(self, method: Method, seconds: Sequence[float]) -> None:
        """Count ends that were successes."""
        for each in seconds:
            self.call_ended(method, OK, each)


class CountsSeen(Protocol):
    """The calls that a server has counted."""

    @property
    def started(self) -> Counter[str]:
        """By method."""

    @property
    def ended(self) -> Counter[tuple[str, str]]:
        """By method and code."""


class HealthSet(Protocol):
    """The health that a server reports."""

    def set(self, services: Iterable[str], *, serving: bool) -> None:
        """Change the health of services."""


class BytesSeen(Protocol):
    """The answers that wait to be sent."""

    @property
    def held(self) -> int:
        """Their size."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Served:
    """A server, and what it has counted."""

    port: int
    """Its port."""
    counts: CountsSeen
    """The calls it has counted."""
    health: HealthSet
    """The health it reports."""
    unsent: BytesSeen
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


class Transport(Protocol):
    """What tables of methods are mounted on."""

    def mount(self, endpoints: Iterable[Endpoint], calls: Calls) -> None:
        """Answer the methods of a table, each call in a scope of `calls`."""


def scopes(counts: Counts, unary_seconds: float) -> Calls:
    """Make the scopes of calls."""
    return Calls(gate=DrainGate(), observer=counts, log=structlog.get_logger(), unary_seconds=unary_seconds)


def mount_services(transport: Transport, calls: Calls, health: Health) -> None:
    """Mount every service that a worker answers by itself."""
    core = make_core(Notes(), ListLog())
    for endpoints in (prediction_endpoints(core), model_endpoints(core), status_endpoints(ReportedStatus())):
        transport.mount(endpoints, calls)
    for endpoints in (health.endpoints, reflection_endpoints(SERVICES)):
        transport.mount(endpoints, background_calls(calls.observer, calls.log))


class Steered:
    """A server inside Envoy, as its test sees it: `conformance.steered_service`."""

    def __init__(self, port: int) -> None:
        """Connect to a port of the loopback address."""
        self._channel = grpc.insecure_channel(f"127.0.0.1:{port}")
        self._method: Any = self._channel.unary_unary(CONTROL)
        self.port = port
        """Its port."""

    def order(self, **order: object) -> Any:
        """Order something, or nothing; return what was counted."""
        return json.loads(self._method(json.dumps(order).encode(), wait_for_ready=True, timeout=PATIENCE))

    @property
    def started(self) -> Counter[str]:
        """Calls that have begun, by method."""
        return Counter(self.order()["started"])

    @property
    def ended(self) -> Counter[tuple[str, str]]:
        """Calls that have ended, by method and code."""
        return Counter({(method, code): count for method, code, count in self.order()["ended"]})

    @property
    def held(self) -> int:
        """The bytes of answers that wait to be sent."""
        return int(self.order()["held"])

    def set(self, services: Iterable[str], *, serving: bool) -> None:
        """Change the health of services."""
        self.order(health=list(services), serving=serving)

    def close(self) -> None:
        """Disconnect."""
        self._channel.close()


async def until(condition: Callable[[], bool]) -> None:
    """Let the event loop turn until a condition holds."""
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline
        await asyncio.sleep(0.005)
