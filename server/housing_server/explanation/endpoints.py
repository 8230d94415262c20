"""The endpoint of ExplanationService, with and without an explainer."""

from collections.abc import Awaitable, Callable

from housing.v1 import explanation_service_pb2
from housing.v1.explanation_service_pb2 import ExplainRequest, ExplainResponse
from housing_server.core.callers import Caller
from housing_server.core.endpoints import Endpoint, unary
from housing_server.errors import ExplanationNotAvailable

SERVICE = explanation_service_pb2.DESCRIPTOR.services_by_name["ExplanationService"]


def explanation_endpoints(
    explain: Callable[[ExplainRequest, Caller], Awaitable[ExplainResponse]],
) -> tuple[Endpoint, ...]:
    """List the endpoints of ExplanationService, answered by `explain`."""
    return (unary(SERVICE, "Explain", explain),)


async def explanations_disabled(_request: ExplainRequest, _caller: Caller) -> ExplainResponse:
    """Refuse an explanation on a server that runs without an explainer.

    Raises:
        ExplanationNotAvailable: always.
    """
    raise ExplanationNotAvailable("explanations are disabled on this server: HOUSING_EXPLAINER is off")
