"""The asynchronous client."""

from collections.abc import AsyncIterable, AsyncIterator, Iterable
from types import TracebackType
from typing import Any, Self

import grpc

from housing.v1 import (
    model_service_pb2,
    model_service_pb2_grpc,
    prediction_service_pb2_grpc,
    status_service_pb2,
    status_service_pb2_grpc,
)
from housing.v1.prediction_service_pb2 import StreamPredictRequest, StreamPredictResponse
from housing_client import messages
from housing_client.channel import DEFAULT_DEADLINES, STREAM_WINDOW, Deadlines, open_channel, resolve_target
from housing_client.errors import HousingError, housing_errors
from housing_client.messages import BlockGroupLike
from housing_client.results import Model, Prediction, Status

_StreamCall = grpc.aio.StreamStreamCall[StreamPredictRequest, StreamPredictResponse]


class AsyncPredictionClient:
    """Calls the prediction service from one event loop. Close it, or use it as an async context manager.

    Arguments, deadlines and errors are those of `PredictionClient`.
    """

    def __init__(
        self,
        target: str | None = None,
        *,
        credentials: grpc.ChannelCredentials | None = None,
        deadlines: Deadlines = DEFAULT_DEADLINES,
    ) -> None:
        self.target = resolve_target(target)
        self._deadlines = deadlines
        self._channel = open_channel(grpc.aio, self.target, credentials)
        self._predictions = prediction_service_pb2_grpc.PredictionServiceStub(self._channel)
        self._models = model_service_pb2_grpc.ModelServiceStub(self._channel)
        self._statuses = status_service_pb2_grpc.StatusServiceStub(self._channel)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Close the connection; calls that are still open are cancelled."""
        await self._channel.close()

    async def predict(
        self, block_group: BlockGroupLike | None = None, /, *, deadline: float | None = None, **fields: Any
    ) -> Prediction:
        """Predict one block group, given whole or as fields by name."""
        request = messages.predict_request(block_group, fields)
        with housing_errors():
            response = await self._predictions.Predict(request, timeout=deadline or self._deadlines.predict)
        return messages.prediction(response)

    async def predict_batch(
        self, block_groups: Iterable[BlockGroupLike], *, deadline: float | None = None
    ) -> list[Prediction]:
        """Predict any number of block groups, as `PredictionClient.predict_batch` does."""
        predictions: list[Prediction] = []
        for first_item, request in messages.batch_requests(block_groups, messages.max_batch_items()):
            with housing_errors(first_item=first_item):
                response = await self._predictions.BatchPredict(request, timeout=deadline or self._deadlines.batch)
            predictions += messages.batch_predictions(response)
        return predictions

    async def predict_stream(
        self,
        block_groups: Iterable[BlockGroupLike] | AsyncIterable[BlockGroupLike],
        *,
        deadline: float | None = None,
        window: int = STREAM_WINDOW,
    ) -> AsyncIterator[Prediction | HousingError]:
        """Predict block groups one by one, in order, as `PredictionClient.predict_stream` does."""
        call = self._predictions.StreamPredict(timeout=deadline or self._deadlines.stream)
        on_their_way = 0
        try:
            async for given in _each(block_groups):
                await _send(call, messages.stream_request(given))
                on_their_way += 1
                if on_their_way == window:
                    yield await _receive(call)
                    on_their_way -= 1
            await _end(call)
            for _ in range(on_their_way):
                yield await _receive(call)
        finally:
            call.cancel()

    async def model(self, *, deadline: float | None = None) -> Model:
        """Describe the model that is being served."""
        with housing_errors():
            response = await self._models.GetModel(
                model_service_pb2.GetModelRequest(), timeout=deadline or self._deadlines.describe
            )
        return messages.model(response)

    async def status(self, *, deadline: float | None = None) -> Status:
        """Report the state of the service."""
        with housing_errors():
            response = await self._statuses.GetStatus(
                status_service_pb2.GetStatusRequest(), timeout=deadline or self._deadlines.describe
            )
        return messages.status(response)


async def _each(
    block_groups: Iterable[BlockGroupLike] | AsyncIterable[BlockGroupLike],
) -> AsyncIterator[BlockGroupLike]:
    if isinstance(block_groups, AsyncIterable):
        async for given in block_groups:
            yield given
    else:
        for given in block_groups:
            yield given


async def _send(call: _StreamCall, request: StreamPredictRequest) -> None:
    if call.done():  # writing would only say that it is; reading says why
        await _receive(call)
    with housing_errors():
        await call.write(request)


async def _end(call: _StreamCall) -> None:
    with housing_errors():
        await call.done_writing()


async def _receive(call: _StreamCall) -> Prediction | HousingError:
    with housing_errors():
        response = await call.read()
    return messages.stream_outcome(response if isinstance(response, StreamPredictResponse) else None)
