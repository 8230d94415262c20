"""Senders of the table's calls, synchronous and asynchronous: they differ only in how they wait."""

from collections.abc import Sequence
from typing import ParamSpec, TypeVar

import grpc
from google.protobuf.message import Message

from housing_client.calls import BatchCall, Call, ReadRpc
from housing_client.credentials import Metadata
from housing_client.errors import housing_errors
from housing_client.policies import Deadlines
from housing_client.request_ids import with_request_id

_Given = ParamSpec("_Given")
_Request = TypeVar("_Request", bound=Message)
_Response = TypeVar("_Response", bound=Message)
_Result = TypeVar("_Result")


class Sender:
    """Sends calls, and blocks until they are answered.

    Every method raises HousingError when a call fails. `deadline`, in seconds, overrides the call's own.

    Args:
        channel: the channel to call over.
        deadlines: the default deadlines.
        metadata: metadata of every call.
    """

    def __init__(self, channel: grpc.Channel, deadlines: Deadlines, metadata: Metadata = ()) -> None:
        self._channel = channel
        self._deadlines = deadlines
        self._metadata = metadata

    def call(
        self,
        call: Call[_Given, _Request, _Response, _Result],
        deadline: float | None,
        *given: _Given.args,
        **named: _Given.kwargs,
    ) -> _Result:
        """Send a call, with a request created from the remaining arguments."""
        return self.send(call, call.request(*given, **named), deadline)

    def call_each(
        self,
        call: BatchCall[_Given, _Request, _Response, _Result],
        deadline: float | None,
        *given: _Given.args,
        **named: _Given.kwargs,
    ) -> list[_Result]:
        """Send the requests of a batch call one after the other, with one request id, and concatenate the results."""
        results: list[_Result] = []
        metadata = with_request_id(self._metadata)
        for answered, request in call.requests(*given, **named):
            found: Sequence[_Result] = self.send(call, request, deadline, answered=answered, metadata=metadata)
            results += found
        return results

    def send(
        self,
        rpc: ReadRpc[_Request, _Response, _Result],
        request: _Request,
        deadline: float | None,
        *,
        answered: int = 0,
        metadata: Metadata = (),
    ) -> _Result:
        """Send a request and return its result.

        Args:
            rpc: the method.
            request: the request.
            deadline: in seconds; None for the method's own.
            answered: the number of items answered by earlier requests.
            metadata: that of earlier requests of the same call; empty for a request with an id of its own.
        """
        method = self._channel.unary_unary(rpc.path, rpc.encode, rpc.decode)
        metadata = metadata or with_request_id(self._metadata)
        with housing_errors(answered=answered):
            response = method(request, timeout=rpc.seconds(deadline, self._deadlines), metadata=metadata)
        return rpc.result(response)


class AsyncSender:
    """Sends calls, and awaits them.

    Every method raises HousingError when a call fails. `deadline`, in seconds, overrides the call's own.

    Args:
        channel: the channel to call over.
        deadlines: the default deadlines.
        metadata: metadata of every call.
    """

    def __init__(self, channel: grpc.aio.Channel, deadlines: Deadlines, metadata: Metadata = ()) -> None:
        self._channel = channel
        self._deadlines = deadlines
        self._metadata = metadata

    async def call(
        self,
        call: Call[_Given, _Request, _Response, _Result],
        deadline: float | None,
        *given: _Given.args,
        **named: _Given.kwargs,
    ) -> _Result:
        """Send a call, with a request created from the remaining arguments."""
        return await self.send(call, call.request(*given, **named), deadline)

    async def call_each(
        self,
        call: BatchCall[_Given, _Request, _Response, _Result],
        deadline: float | None,
        *given: _Given.args,
        **named: _Given.kwargs,
    ) -> list[_Result]:
        """Send the requests of a batch call one after the other, with one request id, and concatenate the results."""
        results: list[_Result] = []
        metadata = with_request_id(self._metadata)
        for answered, request in call.requests(*given, **named):
            found: Sequence[_Result] = await self.send(call, request, deadline, answered=answered, metadata=metadata)
            results += found
        return results

    async def send(
        self,
        rpc: ReadRpc[_Request, _Response, _Result],
        request: _Request,
        deadline: float | None,
        *,
        answered: int = 0,
        metadata: Metadata = (),
    ) -> _Result:
        """Send a request and return its result.

        Args:
            rpc: the method.
            request: the request.
            deadline: in seconds; None for the method's own.
            answered: the number of items answered by earlier requests.
            metadata: that of earlier requests of the same call; empty for a request with an id of its own.
        """
        method = self._channel.unary_unary(rpc.path, rpc.encode, rpc.decode)
        metadata = metadata or with_request_id(self._metadata)
        with housing_errors(answered=answered):
            response = await method(request, timeout=rpc.seconds(deadline, self._deadlines), metadata=metadata)
        return rpc.result(response)
