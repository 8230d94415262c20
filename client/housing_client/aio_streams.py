"""A stream of the asynchronous client, which may span several calls."""

import asyncio
from collections.abc import AsyncIterator, Coroutine
from typing import TypeVar, cast

import grpc

from housing.v1.prediction_service_pb2 import StreamPredictRequest, StreamPredictResponse
from housing_client.credentials import Metadata
from housing_client.errors import HousingError
from housing_client.request_ids import with_request_id
from housing_client.results import Prediction
from housing_client.unanswered import Unanswered

_STATUS_OF_FAILED_WRITE = "Internal error from Core"
"""The status message that gRPC synthesizes when a request could not be written."""

_SECONDS_BETWEEN_LOOKS = 0.005
"""Polling interval for the real status of a call after a synthesized one."""

_Result = TypeVar("_Result")
Method = grpc.aio.StreamStreamMultiCallable[StreamPredictRequest, StreamPredictResponse]
_StreamCall = grpc.aio.StreamStreamCall[StreamPredictRequest, StreamPredictResponse]


class AsyncStream:
    """Sends requests and receives their answers, like `Stream`."""

    def __init__(self, method: Method, unanswered: Unanswered, metadata: Metadata = ()) -> None:
        self._method = method
        self._metadata = with_request_id(metadata)
        self._unanswered = unanswered
        self._open()

    def send(self, request: StreamPredictRequest) -> None:
        """Send a request, without waiting."""
        self._unanswered.requests.append(request)
        self._outbox.put_nowait(request)

    def end(self) -> None:
        """Signal the end of the requests."""
        self._unanswered.is_complete = True
        self._outbox.put_nowait(None)

    async def receive(self) -> Prediction | HousingError:
        """Wait for the answer to the oldest request.

        Raises:
            HousingError: the call failed, and retrying would not help.
        """
        while True:
            try:
                response = await self._call.next_answer()
            except grpc.aio.AioRpcError as error:
                await asyncio.sleep(self._unanswered.pause_after(error))
                self.close()
                self._open()
            else:
                return self._unanswered.outcome(response)

    def close(self) -> None:
        """Cancel the call."""
        self._call.cancel()
        self._outbox.put_nowait(None)

    def _open(self) -> None:
        self._outbox: asyncio.Queue[StreamPredictRequest | None] = asyncio.Queue()
        for request in self._unanswered.requests:
            self._outbox.put_nowait(request)
        if self._unanswered.is_complete:
            self._outbox.put_nowait(None)
        self._call = _Call(
            self._method(_taken(self._outbox), timeout=self._unanswered.seconds_left(), metadata=self._metadata)
        )


class _Call:
    """An open call that reports the status with which the service or the connection ended it.

    When a call ends while a request is being written, gRPC replaces that status by one of its own, or reports its own
    first (grpc/grpc issue 36066). The real status always arrives, but without a notification, so it is polled for.
    """

    def __init__(self, call: _StreamCall) -> None:
        self._call = call
        self._answers = aiter(call)
        self._ending: asyncio.Future[grpc.aio.AioRpcError | None] = asyncio.get_running_loop().create_future()
        call.add_done_callback(self._keep_ending)

    async def next_answer(self) -> StreamPredictResponse | None:
        """Wait for an answer; None if the service ended the call without an error.

        Raises:
            AioRpcError: the call failed.
        """
        try:
            return await anext(self._answers, None)
        except grpc.aio.AioRpcError:
            ending = await self._true_ending()
        except asyncio.CancelledError:
            task = asyncio.current_task()
            if task is None or task.cancelling() or not self._ending.done():
                raise
            ending = self._ending.result()  # the service cancelled the call; nobody cancelled this task
        if ending:
            raise ending
        return None

    def cancel(self) -> None:
        """Cancel the call."""
        self._call.cancel()

    async def _true_ending(self) -> grpc.aio.AioRpcError | None:
        while not self._ending.done():
            await asyncio.sleep(_SECONDS_BETWEEN_LOOKS)
            self._keep_ending(self._call)
        return self._ending.result()

    def _keep_ending(self, call: _StreamCall) -> None:
        code, details = _result_now(call.code()), _result_now(call.details())
        if details == _STATUS_OF_FAILED_WRITE or self._ending.done():
            return
        if code is grpc.StatusCode.OK:
            self._ending.set_result(None)
        else:
            trailers = _result_now(call.trailing_metadata())
            self._ending.set_result(grpc.aio.AioRpcError(code, grpc.aio.Metadata(), trailers, details))


async def _taken(outbox: "asyncio.Queue[StreamPredictRequest | None]") -> AsyncIterator[StreamPredictRequest]:
    while (request := await outbox.get()) is not None:
        yield request


def _result_now(coroutine: Coroutine[None, None, _Result]) -> _Result:
    """Return the result of a coroutine that does not wait, such as those of an ended call."""
    try:
        coroutine.send(None)
    except StopIteration as finished:
        return cast(_Result, finished.value)
    raise AssertionError("the call has not ended")
