"""The endpoint of ExplanationService, where explanations are made and where they are not."""

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
    """List the endpoints of ExplanationService, answered by a function."""
    return (unary(SERVICE, "Explain", explain),)


async def explanations_disabled(_request: ExplainRequest, _caller: Caller) -> ExplainResponse:
    """Answer for a server that is run without explanations.

    Raises:
        ExplanationNotAvailable: always.
    """
    raise ExplanationNotAvailable("this server is run without explanations: HOUSING_EXPLAINER is off")
