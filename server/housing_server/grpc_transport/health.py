"""The standard health service, `grpc.health.v1`, per service."""

import asyncio
from collections.abc import AsyncIterator, Iterable
from typing import Any

from grpc_health.v1 import health_pb2
from grpc_health.v1.health_pb2 import HealthCheckRequest, HealthCheckResponse

from housing_server.core.callers import Caller
from housing_server.core.endpoints import Endpoint, stream, unary
from housing_server.errors import ServiceNotFound, ShuttingDown, UndecodableMessage

_HEALTH: Any = health_pb2.DESCRIPTOR.services_by_name["Health"]
SERVICE_NAME: str = _HEALTH.full_name
"""Full name of the health service."""

OVERALL = ""
"""The service name that stands for the whole server."""


class Health:
    """The health of a server and its services, to be checked or watched."""

    def __init__(self, services: Iterable[str]) -> None:
        """Start with everything NOT_SERVING.

        Args:
            services: full names of the services.
        """
        self._statuses: dict[str, Any] = dict.fromkeys((OVERALL, *services), HealthCheckResponse.NOT_SERVING)
        self._changed = asyncio.Event()
        self._closed = False

    def close(self) -> None:
        """End the calls that watch: they would last for as long as their callers wish."""
        self._closed = True
        self._changed.set()

    def set(self, services: Iterable[str], *, serving: bool) -> None:
        """Change the health of services."""
        status = HealthCheckResponse.SERVING if serving else HealthCheckResponse.NOT_SERVING
        self._statuses.update(dict.fromkeys(services, status))
        self._changed.set()
        self._changed = asyncio.Event()

    @property
    def endpoints(self) -> tuple[Endpoint, ...]:
        """The endpoints of the health service."""
        return (
            unary(_HEALTH, "Check", self._check),
            unary(_HEALTH, "List", self._list),
            stream(_HEALTH, "Watch", self._watch),
        )

    async def _check(self, request: HealthCheckRequest, _caller: Caller) -> HealthCheckResponse:
        status = self._statuses.get(request.service)
        if status is None:
            raise ServiceNotFound
        return HealthCheckResponse(status=status)

    async def _list(self, _request: Any, _caller: Caller) -> Any:
        statuses = {name: HealthCheckResponse(status=status) for name, status in self._statuses.items()}
        return health_pb2.HealthListResponse(statuses=statuses)  # type: ignore[attr-defined]  # newer than its stub

    async def _watch(
        self, requests: AsyncIterator[HealthCheckRequest], _caller: Caller
    ) -> AsyncIterator[HealthCheckResponse]:
        request = await anext(requests, None)
        if request is None:
            raise UndecodableMessage(HealthCheckRequest.DESCRIPTOR.full_name)
        last = None
        while True:
            changed = self._changed
            status = self._statuses.get(request.service, HealthCheckResponse.SERVICE_UNKNOWN)
            if status != last:
                yield HealthCheckResponse(status=status)
            last = status
            await changed.wait()
            if self._closed:
                raise ShuttingDown
