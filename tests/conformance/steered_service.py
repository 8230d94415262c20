"""A core of fakes on the tables of the second transport, and a method by which a test steers it: what Envoy runs."""

import json
from dataclasses import dataclass
from typing import Any

from housing.contract import SERVICES
from housing_server.asgi_transport.application import Application
from housing_server.asgi_transport.events import Receive, Scope, Send
from housing_server.asgi_transport.frames import Frames
from housing_server.asgi_transport.requests import read_only_message
from housing_server.asgi_transport.response import Response
from housing_server.core.byte_budget import ByteBudget
from housing_server.grpc_transport.health import Health
from served import CONTROL, UNARY_SECONDS, UNSENT_BYTES, Counts, mount_services, scopes


@dataclass(frozen=True, slots=True, kw_only=True)
class _Made:
    application: Application
    counts: Counts
    health: Health
    unsent: ByteBudget


def _make(unary_seconds: float) -> _Made:
    counts, health, unsent = Counts(), Health(SERVICES), ByteBudget(UNSENT_BYTES)
    calls = scopes(counts, unary_seconds)
    made = Application(calls, unsent=unsent)
    mount_services(made, calls, health)
    return _Made(application=made, counts=counts, health=health, unsent=unsent)


class SteeredService:
    """The ASGI application."""

    def __init__(self) -> None:
        self._made: _Made | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a call, do what the test says, or live."""
        if scope["type"] == "lifespan":
            await receive()
            await send({"type": "lifespan.startup.complete"})
            await receive()
            await send({"type": "lifespan.shutdown.complete"})
        elif scope["path"] == CONTROL:
            message = await read_only_message(receive, Frames(b"", "JSON"))
            answer = json.dumps(self._obey(json.loads(message or b"{}"))).encode()
            await Response(send).only_message(answer, [(b"grpc-status", b"0")])
        else:
            assert self._made is not None
            await self._made.application(scope, receive, send)

    def _obey(self, order: Any) -> Any:
        """Begin anew or change the health of services, as ordered, and return what was counted."""
        if self._made is None or "reset" in order:
            self._made = _make(order.get("reset", UNARY_SECONDS))
        made = self._made
        if "health" in order:
            made.health.set(order["health"], serving=order["serving"])
        ended = [[method, code, count] for (method, code), count in made.counts.ended.items()]
        return {"started": made.counts.started, "ended": ended, "held": made.unsent.held}


application = SteeredService()
