"""A helper whose calls Envoy routes to it: the worker only reports its health."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from typing import Any

from housing_server.core.endpoints import RelayedEndpoint

_LOOK_SECONDS = 0.5


class Routed:
    """A helper reached by Envoy alone."""

    endpoints: Sequence[RelayedEndpoint[Any, Any]] = ()
    """None: no call passes through the worker."""

    def __init__(self, socket: str, services: tuple[str, ...], *, look_seconds: float = _LOOK_SECONDS) -> None:
        """Set the helper's address.

        Args:
            socket: path of its Unix socket.
            services: full names of its services.
            look_seconds: interval of the checks.
        """
        self.services = services
        """Full names of its services."""
        self._socket = socket
        self._look_seconds = look_seconds

    async def watch(self) -> AsyncIterator[bool]:
        """Yield whether the helper listens, whenever that changes."""
        before: bool | None = None
        while True:
            listens = await self._listens()
            if listens is not before:
                yield listens
            before = listens
            await asyncio.sleep(self._look_seconds)

    async def _listens(self) -> bool:
        try:
            _, writer = await asyncio.open_unix_connection(self._socket)
        except OSError:
            return False
        writer.close()
        return True
