"""The parts of ASGI that this package uses: the types of an application's arguments, and waiting for a disconnect."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from typing import Any, TypeAlias, TypeVar

Event: TypeAlias = Mapping[str, Any]
"""A message between the server and the application."""
Scope: TypeAlias = MutableMapping[str, Any]
"""The head of a request, or the lifespan of the server."""
Receive: TypeAlias = Callable[[], Awaitable[Event]]
"""Waits for the next event."""
Send: TypeAlias = Callable[[Event], Awaitable[None]]
"""Sends an event; waits while earlier events are still buffered."""

T = TypeVar("T")

POLL_SECONDS = 0.5
"""Poll interval for the disconnect on servers whose `receive` does not block."""

_FIRST_PAUSE_SECONDS = 0.005
"""After how long it is asked for the second time whether a response has left; each pause is twice the one before."""


class CallerGone(BaseException):
    """The caller has closed the call; not an error, and no response can be sent."""


def shielded(event: Awaitable[T]) -> Awaitable[T]:
    """Protect a pending event from being cancelled with the task that awaits it.

    pyvoy completes its futures unconditionally, and logs an error for those that were cancelled.
    """
    return asyncio.shield(event) if isinstance(event, asyncio.Future) and not event.done() else event


async def wait_for_disconnect(receive: Receive, poll_seconds: float = POLL_SECONDS) -> None:
    """Wait until the caller disconnects, after the whole request has been read.

    An ASGI server should block until then; pyvoy returns an empty part of the request at once.
    """
    while (await shielded(receive()))["type"] != "http.disconnect":  # noqa: ASYNC110 - there is no event to wait for
        await asyncio.sleep(poll_seconds)


async def left(receive: Receive) -> None:
    """Wait until a response that was sent has left, or its caller has gone.

    Servers may take all of a response at once, as pyvoy does, and hold what its caller does not read.
    """
    pause = _FIRST_PAUSE_SECONDS
    while (await shielded(receive()))["type"] != "http.disconnect":
        await asyncio.sleep(pause)
        pause = min(2 * pause, POLL_SECONDS)
