"""The recorder and the explainer: processes that answer some of the methods."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from google.protobuf.descriptor import MethodDescriptor

from housing.routes import methods_of
from housing.services import EXPLANATION_SERVICE, LOG_SERVICES, RETRAINING_SERVICE
from housing.v1 import model_service_pb2
from housing_server.control.messages import ConfigureWorker
from housing_server.core.endpoints import RelayedEndpoint

_MODEL_SERVICE = model_service_pb2.DESCRIPTOR.services_by_name["ModelService"]
_VERSION_METHODS = tuple(
    _MODEL_SERVICE.methods_by_name[name]
    for name in ("ListModelVersions", "ListModelChanges", "PromoteModelVersion", "RollbackModel")
)
"""What ModelService answers from the registry and the store, and not from the model that a worker has loaded."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Helper:
    """A process that answers some of the methods."""

    name: str
    """Its name."""
    address: str
    """Its gRPC address: a Unix socket."""
    services: tuple[str, ...]
    """Full names of the services whose health is that of the process: it answers all of their methods."""
    further_methods: tuple[MethodDescriptor, ...] = ()
    """Methods of other services that it answers."""

    @property
    def socket(self) -> str:
        """Path of its socket."""
        return self.address.removeprefix("unix:")

    @property
    def methods(self) -> tuple[MethodDescriptor, ...]:
        """All methods that it answers."""
        return (*methods_of(self.services), *self.further_methods)


class HelperLink(Protocol):
    """Connects a worker with a helper."""

    @property
    def services(self) -> tuple[str, ...]:
        """Full names of the services whose health is the helper's."""

    @property
    def endpoints(self) -> Sequence[RelayedEndpoint[Any, Any]]:
        """Endpoints to mount in the worker."""

    def watch(self) -> AsyncIterator[bool]:
        """Yield whether the helper is reachable, whenever that changes."""


def helpers(config: ConfigureWorker) -> list[Helper]:
    """List the helpers that run."""
    recorder = Helper(
        name="recorder",
        address=config.recorder,
        services=(*LOG_SERVICES, RETRAINING_SERVICE),
        further_methods=_VERSION_METHODS,
    )
    explainer = Helper(name="explainer", address=config.explainer, services=(EXPLANATION_SERVICE,))
    return [each for each in (recorder, explainer) if each.address]
