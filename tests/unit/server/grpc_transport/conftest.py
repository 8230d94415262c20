"""A running server of the transport, for its tests."""

from collections.abc import AsyncIterator

import grpc
import pytest

from housing.services import SERVICES
from housing_server.core.byte_budget import ByteBudget
from housing_server.grpc_transport.health import Health
from housing_server.grpc_transport.server import ServerLimits, shared_server
from served import UNARY_SECONDS, UNSENT_BYTES, Counts, Served, mounted


@pytest.fixture
def unary_seconds() -> float:
    """How long a unary call without a deadline may take."""
    return UNARY_SECONDS


@pytest.fixture
def limits() -> ServerLimits:
    """The limits of the server."""
    return ServerLimits(max_connection_age_seconds=300, max_concurrent_streams=256)


@pytest.fixture
async def served(limits: ServerLimits, unary_seconds: float) -> AsyncIterator[Served]:
    """A running server."""
    counts, health, unsent = Counts(), Health(SERVICES), ByteBudget(UNSENT_BYTES)
    server = shared_server(limits, mounted(counts, health, unsent, unary_seconds))
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    async with grpc.aio.insecure_channel(f"127.0.0.1:{port}", [("grpc.enable_retries", 0)]) as channel:
        yield Served(port=port, counts=counts, health=health, unsent=unsent, channel=channel)
    await server.stop(None)
