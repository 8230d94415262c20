"""A worker inside Envoy, from the inside: the ASGI application that Envoy runs, on an event loop of its own.

Envoy loads it before it listens. It follows the supervisor like any other worker, and stops Envoy after its drain.
"""

import asyncio
import os
import signal
import socket
import traceback
from collections.abc import Awaitable, Iterable, Sequence
from contextlib import suppress
from pathlib import Path

from housing_server.asgi_transport.application import Application
from housing_server.asgi_transport.envoy import FLUSH_SECONDS
from housing_server.asgi_transport.events import Receive, Scope, Send
from housing_server.asgi_transport.queued_calls import task_factory
from housing_server.control.channel import ControlChannel
from housing_server.control.messages import ConfigureWorker, decode
from housing_server.core.byte_budget import ByteBudget
from housing_server.core.calls import Calls
from housing_server.core.endpoints import Endpoint
from housing_server.errors import ModelRejected
from housing_server.gateway.admin import Admin
from housing_server.processes.access_lines import AccessLines
from housing_server.processes.embedded_settings import ACCESS_LOG, ADMIN_SOCKET, CONFIGURATION, CONTROL
from housing_server.processes.helpers import helpers
from housing_server.processes.routed import Routed
from housing_server.processes.serving import follow

_POLL_SECONDS = 0.02


class EnvoyTransport:
    """The application of the Envoy process around this interpreter."""

    def __init__(
        self,
        unknown: Calls,
        unsent: ByteBudget,
        *,
        links: Sequence[Routed],
        ready: asyncio.Event,
        admin: Admin,
    ) -> None:
        """Create a transport.

        Args:
            unknown: creates the scopes of calls to unknown methods.
            unsent: bounds the responses that wait to be sent.
            links: processes whose calls Envoy routes to them.
            ready: set once Envoy may listen.
            admin: Envoy's admin interface.
        """
        self.application = Application(unknown, unsent=unsent)
        self.links = links
        """Processes whose calls Envoy routes to them."""
        self._ready = ready
        self._admin = admin

    def mount(self, endpoints: Iterable[Endpoint], calls: Calls) -> None:
        """Serve the methods of a table, each call in a scope of `calls`."""
        self.application.mount(endpoints, calls)

    async def listen(self) -> None:
        """Allow Envoy to listen, and wait until it does."""
        self._ready.set()
        while not await self._ask("/ready"):  # noqa: ASYNC110 - Envoy sends no notification
            await asyncio.sleep(_POLL_SECONDS)

    async def send_away(self) -> None:
        """Start draining: Envoy closes each connection after its next response, by GOAWAY or `Connection: close`."""
        await self._ask("/drain_listeners?graceful", "POST")

    async def close(self, seconds: float) -> None:
        """Stop listening, and wait until no request is in flight, those to helpers included, or the time is up."""
        await self._ask("/drain_listeners", "POST")
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                while not await asyncio.to_thread(self._admin.is_idle):  # noqa: ASYNC110 - likewise
                    await asyncio.sleep(_POLL_SECONDS)

    async def _ask(self, path: str, method: str = "GET") -> str | None:
        return await asyncio.to_thread(self._admin.ask, path, method)


class EmbeddedWorker:
    """The ASGI application: the lifespan of a worker, and its calls."""

    _asgi_single_callable = True  # asgiref's mark of an application that is no coroutine function

    def __init__(self) -> None:
        self._transport: EnvoyTransport | None = None
        self._living: asyncio.Task[None] | None = None

    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        """Handle a call, or the lifespan of the server."""
        if self._transport is not None and scope["type"] == "http":
            return self._transport.application(scope, receive, send)
        return self._life(receive, send)

    async def _life(self, receive: Receive, send: Send) -> None:
        asyncio.get_running_loop().set_task_factory(task_factory)
        await receive()
        ready = asyncio.Event()
        self._living = asyncio.create_task(self._live(ready))
        await ready.wait()
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await send({"type": "lifespan.shutdown.complete"})

    async def _live(self, ready: asyncio.Event) -> None:
        """Follow the supervisor, then end the process."""
        try:
            await self._follow(ready)
        except ModelRejected:  # already logged, and reported to the supervisor
            os._exit(1)
        except BaseException:  # pylint: disable=broad-exception-caught  # Envoy would go on without a worker
            traceback.print_exc()
            os._exit(1)
        os.kill(os.getpid(), signal.SIGTERM)

    async def _follow(self, ready: asyncio.Event) -> None:
        admin = Admin(Path(os.environ[ADMIN_SOCKET]))

        def make(config: ConfigureWorker, unknown: Calls, unsent: ByteBudget) -> EnvoyTransport:
            links = [Routed(each.socket, each.services) for each in helpers(config)]
            self._transport = EnvoyTransport(unknown, unsent, links=links, ready=ready, admin=admin)
            return self._transport

        lines = AccessLines.to_standard_output(int(os.environ[ACCESS_LOG]))
        config = decode(os.environ[CONFIGURATION].encode())
        assert isinstance(config, ConfigureWorker)  # noqa: S101 - checked by envoy_worker
        control = await ControlChannel.open(socket.socket(fileno=int(os.environ[CONTROL])))
        await follow(control, config, make)
        await asyncio.sleep(FLUSH_SECONDS)  # until Envoy has written of the last requests
        lines.flush()


application = EmbeddedWorker()
