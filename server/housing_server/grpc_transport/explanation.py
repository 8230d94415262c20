"""ExplanationService over grpc.aio, where explanations are made and where they are not."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

from grpc import aio

from housing.contract import EXPLANATION_SERVICE
from housing.v1.explanation_service_pb2 import ExplainRequest, ExplainResponse
from housing.v1.explanation_service_pb2_grpc import ExplanationServiceServicer
from housing_server.core.callers import Caller
from housing_server.errors import ExplanationNotAvailable
from housing_server.grpc_transport.call import Call, Method

if TYPE_CHECKING:
    Context = aio.ServicerContext[Any, Any]
    CallFactory = Callable[[Method, Context], Call]

_EXPLAIN = Method(kind="unary", service=EXPLANATION_SERVICE, name="Explain")


class ExplanationServicer(ExplanationServiceServicer):
    """Answers Explain by a function."""

    def __init__(
        self, explain: Callable[[ExplainRequest, Caller], Awaitable[ExplainResponse]], call: CallFactory
    ) -> None:
        self._explain = explain
        self._call = call

    async def Explain(self, request: ExplainRequest, context: Context) -> ExplainResponse:  # noqa: N802, D102
        # pylint: disable=invalid-name,invalid-overridden-method  # the contract's name; generated as sync
        async with self._call(_EXPLAIN, context) as caller:
            return await self._explain(request, caller)


async def explain_nothing(_request: ExplainRequest, _caller: Caller) -> ExplainResponse:
    """Answer for a server that is run without explanations.

    Raises:
        ExplanationNotAvailable: always.
    """
    raise ExplanationNotAvailable(
        "this server is run without explanations: HOUSING_EXPLAINER is off, or XGBoost is not installed"
    )
