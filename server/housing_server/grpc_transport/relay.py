"""Relaying calls to another process of the service, unread: workers pass on what is not a prediction.

Reading the prediction log can take seconds and memory; it is done where no prediction waits for it. The worker counts
and logs the call like any other, and passes on the caller's deadline, and the answer or error as it comes.
"""

from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING, Any

import grpc
from google.rpc.status_pb2 import Status
from grpc_status import rpc_status

from housing_server.errors import HelperUnavailable, RelayedError
from housing_server.grpc_transport.call import Call, Method

if TYPE_CHECKING:
    Context = grpc.aio.ServicerContext[Any, Any]
    Forward = Callable[[bytes, Context], Awaitable[bytes]]

_PASSED_ON = frozenset({"x-request-id", "traceparent", "tracestate"})


class Relay(grpc.GenericRpcHandler):
    """Answers all unary methods of some services by asking another process."""

    def __init__(self, address: str, services: Sequence[str], call: Callable[[Method, "Context"], Call]) -> None:
        """Prepare to relay; the connection is made when it is needed.

        Args:
            address: gRPC address of the other process.
            services: full names of the services it answers.
            call: makes what goes around every call.
        """
        self._address = address
        self._services = frozenset(services)
        self._call = call
        self._channel: grpc.aio.Channel | None = None

    def service(self, handler_call_details: grpc.HandlerCallDetails) -> "grpc.RpcMethodHandler[bytes, bytes] | None":
        """Find what answers a method; None when it is of no service that is relayed."""
        path: str = handler_call_details.method
        _, service, name = path.split("/")
        if service not in self._services:
            return None
        method = Method(kind="unary", service=service, name=name)
        return grpc.unary_unary_rpc_method_handler(self._forward(path, method))

    def _forward(self, path: str, method: Method) -> "Forward":
        async def forward(request: bytes, context: "Context") -> bytes:
            async with self._call(method, context):
                return await self._ask(path, request, context)

        return forward

    async def _ask(self, path: str, request: bytes, context: "Context") -> bytes:
        metadata = [each for each in context.invocation_metadata() or () if each[0] in _PASSED_ON]
        method: grpc.aio.UnaryUnaryMultiCallable[bytes, bytes] = self._connected().unary_unary(path)
        try:
            return await method(request, timeout=context.time_remaining(), metadata=metadata)
        except grpc.aio.AioRpcError as error:
            raise _relayed(error) from None

    def _connected(self) -> grpc.aio.Channel:
        if self._channel is None:
            # The process may have been restarted this moment: look again soon.
            options = [("grpc.max_reconnect_backoff_ms", 500), ("grpc.max_receive_message_length", -1)]
            self._channel = grpc.aio.insecure_channel(self._address, options)
        return self._channel


def _relayed(error: grpc.aio.AioRpcError) -> RelayedError | HelperUnavailable:
    """Pass an error on as it was worded; one that nobody worded says that the process does not answer."""
    status: Status | None = rpc_status.from_call(error)  # type: ignore[arg-type]  # it has all that is asked for
    if status is not None:
        return RelayedError(status)
    if error.code() == grpc.StatusCode.UNAVAILABLE:
        return HelperUnavailable()
    return RelayedError(Status(code=error.code().value[0], message=error.details() or ""))
