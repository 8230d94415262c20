"""ASGI as this package uses it: the types of what a server calls an application with, and how a caller goes away."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from typing import Any, TypeAlias, TypeVar

Event: TypeAlias = Mapping[str, Any]
"""A message between the server and the application."""
Scope: TypeAlias = MutableMapping[str, Any]
"""What is known of a request, or of the server's life."""
Receive: TypeAlias = Callable[[], Awaitable[Event]]
"""Waits for the next event."""
Send: TypeAlias = Callable[[Event], Awaitable[None]]
"""Sends an event; waits while what was sent before has not left."""

T = TypeVar("T")

POLL_SECONDS = 0.5
"""How often a server that does not wait is asked whether the caller is still there."""


class CallerGone(BaseException):
    """The caller has closed the call; no error of ours, and nobody is left to answer."""


def shielded(event: Awaitable[T]) -> Awaitable[T]:
    """Keep a pending event from being cancelled with the task that awaits it.

    pyvoy completes its futures whatever has become of them, and complains of those that were cancelled.
    """
    return asyncio.shield(event) if isinstance(event, asyncio.Future) and not event.done() else event


async def gone(receive: Receive, poll_seconds: float = POLL_SECONDS) -> None:
    """Wait until the caller has gone, after the whole request has been read.

    Servers should wait until then by themselves; pyvoy answers at once with an empty part of the request.
    """
    while (await shielded(receive()))["type"] != "http.disconnect":  # noqa: ASYNC110 - there is no event to wait for
        await asyncio.sleep(poll_seconds)
