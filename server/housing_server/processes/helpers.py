"""The recorder and the explainer: processes that serve some of the services."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from google.protobuf.descriptor import ServiceDescriptor

from housing.v1 import explanation_service_pb2, outcome_service_pb2, prediction_log_service_pb2
from housing_server.control.messages import ConfigureWorker
from housing_server.core.endpoints import RelayedEndpoint


@dataclass(frozen=True, slots=True, kw_only=True)
class Helper:
    """A process that serves some of the services."""

    name: str
    """Its name."""
    address: str
    """Its gRPC address: a Unix socket."""
    services: tuple[ServiceDescriptor, ...]
    """Its services."""

    @property
    def socket(self) -> str:
        """Path of its socket."""
        return self.address.removeprefix("unix:")

    @property
    def service_names(self) -> tuple[str, ...]:
        """Full names of its services."""
        return tuple(service.full_name for service in self.services)


class HelperLink(Protocol):
    """Connects a worker with a helper."""

    @property
    def services(self) -> tuple[str, ...]:
        """Full names of the helper's services."""

    @property
    def endpoints(self) -> Sequence[RelayedEndpoint[Any, Any]]:
        """Endpoints to mount in the worker."""

    def watch(self) -> AsyncIterator[bool]:
        """Yield whether the helper is reachable, whenever that changes."""


def helpers(config: ConfigureWorker) -> list[Helper]:
    """List the helpers that run."""
    known = (
        ("recorder", config.recorder, (prediction_log_service_pb2, outcome_service_pb2)),
        ("explainer", config.explainer, (explanation_service_pb2,)),
    )
    return [
        Helper(
            name=name,
            address=address,
            services=tuple(each for module in modules for each in module.DESCRIPTOR.services_by_name.values()),
        )
        for name, address, modules in known
        if address
    ]
