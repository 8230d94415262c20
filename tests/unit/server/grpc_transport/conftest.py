"""A running server of each transport, for the tests of what crosses the wire."""

from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import ExitStack
from functools import cache

import grpc
import pytest

from conformance.listening import listening
from housing.contract import SERVICES
from housing_server.core.byte_budget import ByteBudget
from housing_server.core.deadlines import Deadlines
from housing_server.grpc_transport.handlers import Handlers
from housing_server.grpc_transport.health import Health
from housing_server.grpc_transport.server import ServerLimits, shared_server
from running import transport_or_skip
from served import UNARY_SECONDS, UNSENT_BYTES, Counts, Served, Steered, mount_services, scopes


@pytest.fixture
def unary_seconds() -> float:
    """How long a unary call without a deadline may take."""
    return UNARY_SECONDS


@pytest.fixture
def limits() -> ServerLimits:
    """The limits of the server."""
    return ServerLimits(max_connection_age_seconds=300, max_concurrent_streams=256)


@pytest.fixture(scope="module")
def steered() -> Iterator[Callable[[ServerLimits], Steered]]:
    """Servers inside Envoy with the limits asked for, which all tests of a file share."""
    with ExitStack() as stack:

        @cache
        def start(limits: ServerLimits) -> Steered:
            age = limits.max_connection_age_seconds
            port = stack.enter_context(listening("conformance.steered_service:application", age_seconds=age))
            server = Steered(port)
            stack.callback(server.close)
            return server

        yield start


@pytest.fixture(params=["grpc", pytest.param("envoy", marks=pytest.mark.external)])
async def served(request: pytest.FixtureRequest, limits: ServerLimits, unary_seconds: float) -> AsyncIterator[Served]:
    """A running server that has counted nothing yet, of each transport."""
    if transport_or_skip(request.param) == "envoy":
        steered: Steered = request.getfixturevalue("steered")(limits)
        steered.order(reset=unary_seconds)
        async with _connected(steered.port) as channel:
            yield Served(port=steered.port, counts=steered, health=steered, unsent=steered, channel=channel)
        return
    counts, health, unsent = Counts(), Health(SERVICES), ByteBudget(UNSENT_BYTES)
    calls = scopes(counts, unary_seconds)
    handlers = Handlers(calls, unsent=unsent, deadlines=Deadlines(sweep_seconds=0.01))
    mount_services(handlers, calls, health)
    server = shared_server(limits, handlers)
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    async with _connected(port) as channel:
        yield Served(port=port, counts=counts, health=health, unsent=unsent, channel=channel)
    await server.stop(None)


def _connected(port: int) -> grpc.aio.Channel:
    return grpc.aio.insecure_channel(f"127.0.0.1:{port}", [("grpc.enable_retries", 0)])
