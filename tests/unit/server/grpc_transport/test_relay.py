"""Relaying calls to another process: a server of one service on a Unix socket, and one in front of it."""

import asyncio
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path

import grpc
import pytest
import structlog

from housing.v1 import explanation_service_pb2
from housing.v1.explanation_service_pb2 import ExplainRequest, ExplainResponse
from housing_server.core.byte_budget import ByteBudget
from housing_server.core.callers import Caller
from housing_server.core.calls import Calls, relayed_calls
from housing_server.core.gate import DrainGate
from housing_server.errors import DeadlinePassed, ExplanationNotAvailable
from housing_server.explanation.endpoints import explanation_endpoints
from housing_server.grpc_transport.handlers import Handlers
from housing_server.grpc_transport.relay import Relay
from housing_server.grpc_transport.server import local_server
from running import PATIENCE
from served import Counts, code_reason_text, until

EXPLANATIONS = explanation_service_pb2.DESCRIPTOR.services_by_name["ExplanationService"]
PATH = "/housing.v1.ExplanationService/Explain"


@dataclass(slots=True, kw_only=True)
class Relayed:
    """A server in front of another."""

    address: str
    """Where the other one is to listen."""
    relay: Relay
    """What relays to it."""
    counts: Counts
    """What the one in front has counted."""
    unsent: ByteBudget
    """The answers that wait to be sent."""
    channel: grpc.aio.Channel
    """A connection to the one in front."""
    callers: list[Caller] = field(default_factory=list)
    """Who called the other one."""
    error: Exception | None = None
    """What the other one answers with."""
    silent: bool = False
    """Whether it does not answer at all."""

    async def explain(self, _request: ExplainRequest, caller: Caller) -> ExplainResponse:
        """Answer in the other process."""
        self.callers.append(caller)
        if self.silent:
            await asyncio.Event().wait()
        if self.error is not None:
            raise self.error
        return ExplainResponse(model_name="m" * 20_000)

    async def start_other(self) -> grpc.aio.Server:
        """Start the other server."""
        calls = relayed_calls(structlog.get_logger())
        handlers = Handlers(calls)
        handlers.mount(explanation_endpoints(self.explain), calls)
        server = local_server(handlers)
        server.add_insecure_port(self.address)
        await server.start()
        return server

    async def call(
        self, message: bytes = b"", metadata: tuple[tuple[str, str], ...] = (), path: str = PATH
    ) -> ExplainResponse:
        """Call the one in front."""
        method: grpc.aio.UnaryUnaryMultiCallable[bytes, bytes] = self.channel.unary_unary(path)
        return ExplainResponse.FromString(await method(message, metadata=metadata, timeout=30))

    async def refusal(self, message: bytes = b"", path: str = PATH) -> tuple[str, str]:
        """Call the one in front; return code and reason of its refusal."""
        with pytest.raises(grpc.aio.AioRpcError) as raised:
            await self.call(message, path=path)
        return code_reason_text(raised.value)[:2]


@pytest.fixture
def connect_seconds() -> float:
    """How long a call waits for the other process to listen."""
    return PATIENCE


@pytest.fixture
async def relayed(tmp_path: Path, connect_seconds: float) -> AsyncIterator[Relayed]:
    """A server that relays to one which has not been started."""
    address, counts, unsent = f"unix:{tmp_path}/other.sock", Counts(), ByteBudget(1 << 20)
    calls = Calls(gate=DrainGate(), observer=counts, log=structlog.get_logger())
    relay = Relay(
        address, EXPLANATIONS.methods, unsent, services=(EXPLANATIONS.full_name,), connect_seconds=connect_seconds
    )
    handlers = Handlers(calls, unsent=unsent)
    handlers.mount(relay.endpoints, calls)
    server = local_server(handlers)
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    async with grpc.aio.insecure_channel(f"127.0.0.1:{port}", [("grpc.enable_retries", 0)]) as channel:
        yield Relayed(address=address, relay=relay, counts=counts, unsent=unsent, channel=channel)
    await server.stop(None)


async def test_call_is_relayed_with_its_id_trace_and_deadline(relayed: Relayed) -> None:
    """And counted once, where it came in."""
    server = await relayed.start_other()
    trace = f"00-{'a' * 32}-{'1' * 16}-01"
    forged = ("x-housing-caller", "admin")
    answer = await relayed.call(metadata=(("x-request-id", "mine"), ("traceparent", trace), forged))
    assert len(answer.model_name) == 20_000
    (caller,) = relayed.callers
    assert (caller.request_id, caller.trace_id) == ("mine", "a" * 32)
    assert caller.deadline is not None
    assert caller.identity.startswith("ipv4:127.0.0.1"), "the address, since no key was needed"
    assert relayed.counts.ended == {("Explain", "OK"): 1}
    await server.stop(None)


async def test_refusals_come_back_as_they_are(relayed: Relayed) -> None:
    """Those of the service, and those of messages that the other process cannot decode."""
    server = await relayed.start_other()
    assert await relayed.refusal(b"\xff\xff") == ("INVALID_ARGUMENT", "UNDECODABLE_MESSAGE")
    relayed.error = ExplanationNotAvailable("too old")
    assert await relayed.refusal() == ("UNIMPLEMENTED", "EXPLANATION_NOT_AVAILABLE")
    relayed.error = ZeroDivisionError("secret")
    assert await relayed.refusal() == ("INTERNAL", "INTERNAL")
    await server.stop(None)


@pytest.mark.parametrize("connect_seconds", [0.01])
async def test_process_that_does_not_run_is_unavailable(relayed: Relayed) -> None:
    """Which clients try again."""
    assert await relayed.refusal() == ("UNAVAILABLE", "SERVICE_UNAVAILABLE")


async def test_answer_that_does_not_come_in_time_is_late(relayed: Relayed) -> None:
    """The caller's deadline is that of the call to the other process."""
    server = await relayed.start_other()
    relayed.silent = True
    caller = Caller("Explain", "", "id", None, 0.0, deadline=time.perf_counter() + 0.5)
    (endpoint,) = relayed.relay.endpoints
    with pytest.raises(DeadlinePassed):
        await endpoint.answer(b"", caller)
    await server.stop(None)


async def test_methods_come_from_the_contract_alone(relayed: Relayed) -> None:
    """A name that a caller makes up is not relayed, and becomes no label."""
    assert await relayed.refusal(path=f"{PATH}All") == ("UNIMPLEMENTED", "METHOD_NOT_FOUND")
    assert relayed.counts.ended == {("unknown", "UNIMPLEMENTED"): 1}


async def test_nothing_is_relayed_while_answers_wait_to_be_read(relayed: Relayed) -> None:
    """A caller that does not read fills a budget, not the memory."""
    server = await relayed.start_other()
    relayed.unsent.hold("another", 1 << 20)
    assert await relayed.refusal() == ("RESOURCE_EXHAUSTED", "OVERLOADED")
    assert not relayed.callers
    relayed.unsent.release("another", 1 << 20)
    assert await relayed.call()
    await until(lambda: relayed.unsent.held == 0)
    await server.stop(None)


async def test_connection_is_watched(relayed: Relayed) -> None:
    """It is up while the other process listens, down once it has ended, and up again with the next one."""
    seen: list[bool] = []

    async def watch() -> None:
        async for connected in relayed.relay.watch():
            seen.append(connected)  # noqa: PERF401 - as they come

    watching = asyncio.create_task(watch())
    server = await relayed.start_other()
    await until(lambda: bool(seen) and seen[-1])
    await server.stop(None)
    await until(lambda: not seen[-1])
    server = await relayed.start_other()
    await until(lambda: seen[-1])
    watching.cancel()
    await asyncio.wait([watching])
    await server.stop(None)
