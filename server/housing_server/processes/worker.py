"""A worker over grpc.aio: one process that answers gRPC calls on the port it shares with the others.

Started by the supervisor through `housing_server.processes.launch`, with its end of the control socket as argument.
When the supervisor dies, the worker finishes its calls and exits, since nobody would stop it.
"""

import asyncio
import os
import socket
import sys
from collections.abc import Iterable

import structlog
import uvloop

from housing.addresses import join_address
from housing_server.control.channel import ControlChannel
from housing_server.control.messages import ConfigureWorker
from housing_server.core.byte_budget import ByteBudget
from housing_server.core.calls import Calls
from housing_server.core.endpoints import Endpoint
from housing_server.errors import ModelRejected
from housing_server.grpc_transport.handlers import Handlers
from housing_server.grpc_transport.relay import Relay
from housing_server.grpc_transport.server import ServerLimits, shared_server
from housing_server.grpc_transport.tls import server_credentials
from housing_server.processes.helpers import helpers
from housing_server.processes.serving import follow

_SENDING_SECONDS = 1.0
"""How long the responses to the last calls may take to be sent."""
_LINGER_SECONDS = 0.1
"""Time for callers to receive them: the system resets a connection that is closed with something unread on it, such as
a further call, and with it goes what its caller has not received yet."""


class GrpcTransport:
    """A grpc.aio server."""

    def __init__(self, config: ConfigureWorker, unknown: Calls, unsent: ByteBudget) -> None:
        """Create the server; see `MakeTransport`."""
        self._handlers = Handlers(unknown, unsent=unsent)
        self._tls, self._log = config.tls, structlog.get_logger(process=config.name)
        self._address = join_address(config.host, config.port)
        limits = ServerLimits(
            max_connection_age_seconds=config.max_connection_age_seconds,
            max_concurrent_streams=config.max_concurrent_streams,
        )
        self._server = shared_server(limits, self._handlers)
        self.links = [Relay(each.address, each.methods, unsent, services=each.services) for each in helpers(config)]
        """Relays to the helpers."""

    def mount(self, endpoints: Iterable[Endpoint], calls: Calls) -> None:
        """Serve the methods of a table, each call in a scope of `calls`."""
        self._handlers.mount(endpoints, calls)

    async def listen(self) -> None:
        """Accept calls from now on."""
        if self._tls is None:
            self._server.add_insecure_port(self._address)
        else:
            self._server.add_secure_port(self._address, server_credentials(self._tls, self._log))
        await self._server.start()

    async def send_away(self) -> None:
        """Do nothing: gRPC's library could only close connections at once."""

    async def close(self, seconds: float) -> None:
        """Wait until responses have been sent; a caller that does not read its own is not waited for."""
        await self._handlers.sent(min(seconds, _SENDING_SECONDS))
        await asyncio.sleep(_LINGER_SECONDS)


async def serve(control_end: socket.socket) -> None:
    """Run the worker under the supervisor's control, until the supervisor stops it or exits."""
    control = await ControlChannel.open(control_end)
    config = await control.receive()
    if not isinstance(config, ConfigureWorker):
        return
    try:
        await follow(control, config, GrpcTransport)
    except ModelRejected:
        sys.exit(1)
    # The server itself is never stopped: it would end calls that have arrived but not begun with CANCELLED, which
    # clients do not retry, whereas a closed connection is UNAVAILABLE.
    os._exit(0)


if __name__ == "__main__":
    uvloop.run(serve(socket.socket(fileno=int(sys.argv[1]))))
