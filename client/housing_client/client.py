"""The synchronous client."""

from collections.abc import Generator, Iterable, Iterator
from queue import SimpleQueue
from types import TracebackType
from typing import Any, Self

import grpc

from housing.contract import BATCH_SIZES
from housing.v1 import (
    model_service_pb2,
    model_service_pb2_grpc,
    prediction_service_pb2,
    prediction_service_pb2_grpc,
    status_service_pb2,
    status_service_pb2_grpc,
)
from housing_client import messages
from housing_client.channel import DEFAULT_DEADLINES, STREAM_WINDOW, Deadlines, open_channel, resolve_target
from housing_client.errors import HousingError, housing_errors
from housing_client.messages import BlockGroupLike
from housing_client.results import Model, Prediction, Status


class PredictionClient:
    """Calls the prediction service. One client may be shared by threads; close it, or use it as a context manager.

    Every method raises `HousingError` when the call fails, and `ValueError` when a block group holds a name or a value
    that the contract has no place for. `deadline`, in seconds, replaces the method's deadline for one call.

    Args:
        target: `host:port` of the service, or any gRPC target; by default `HOUSING_TARGET`, else `localhost:50051`.
        credentials: for TLS, what `grpc.ssl_channel_credentials` makes; without them nothing is encrypted.
        deadlines: how long calls may take.
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
        self._channel = open_channel(grpc, self.target, credentials)
        self._predictions = prediction_service_pb2_grpc.PredictionServiceStub(self._channel)
        self._models = model_service_pb2_grpc.ModelServiceStub(self._channel)
        self._statuses = status_service_pb2_grpc.StatusServiceStub(self._channel)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connection; calls that are still open are cancelled."""
        self._channel.close()

    def predict(
        self, block_group: BlockGroupLike | None = None, /, *, deadline: float | None = None, **fields: Any
    ) -> Prediction:
        """Predict one block group, given whole or as fields by name."""
        request = messages.predict_request(block_group, fields)
        with housing_errors():
            response = self._predictions.Predict(request, timeout=deadline or self._deadlines.predict)
        return messages.prediction(response)

    def predict_batch(
        self, block_groups: Iterable[BlockGroupLike], *, deadline: float | None = None
    ) -> list[Prediction]:
        """Predict any number of block groups, in order.

        They are sent in batches as large as the contract allows; each batch is answered by one model version and has
        the deadline to itself. A bad block group refuses its batch; violations name its place in `block_groups`.
        """
        predictions: list[Prediction] = []
        for first_item, request in messages.batch_requests(block_groups, BATCH_SIZES[-1]):
            with housing_errors(first_item=first_item):
                response = self._predictions.BatchPredict(request, timeout=deadline or self._deadlines.batch)
            predictions += messages.batch_predictions(response)
        return predictions

    def predict_stream(
        self, block_groups: Iterable[BlockGroupLike], *, deadline: float | None = None, window: int = STREAM_WINDOW
    ) -> Generator[Prediction | HousingError, None, None]:
        """Predict block groups one by one, in order, holding no more than `window` of them.

        A bad block group comes back as the error it is refused with, in its place, and the stream goes on.
        `block_groups` is read here, in the caller's thread: an answer comes when `window` block groups are on their way
        or the last was read. A window of 1 answers each before it reads the next.
        """
        outbox: SimpleQueue[prediction_service_pb2.StreamPredictRequest | None] = SimpleQueue()
        call = self._predictions.StreamPredict(iter(outbox.get, None), timeout=deadline or self._deadlines.stream)
        on_their_way = 0
        try:
            for request in map(messages.stream_request, block_groups):
                outbox.put(request)
                on_their_way += 1
                if on_their_way == window:
                    yield _receive(call)
                    on_their_way -= 1
            outbox.put(None)
            for _ in range(on_their_way):
                yield _receive(call)
        finally:
            outbox.put(None)  # or gRPC's thread waits for ever for the next request
            call.cancel()

    def model(self, *, deadline: float | None = None) -> Model:
        """Describe the model that is being served."""
        with housing_errors():
            response = self._models.GetModel(
                model_service_pb2.GetModelRequest(), timeout=deadline or self._deadlines.describe
            )
        return messages.model(response)

    def status(self, *, deadline: float | None = None) -> Status:
        """Report the state of the service."""
        with housing_errors():
            response = self._statuses.GetStatus(
                status_service_pb2.GetStatusRequest(), timeout=deadline or self._deadlines.describe
            )
        return messages.status(response)


def _receive(answers: Iterator[prediction_service_pb2.StreamPredictResponse]) -> Prediction | HousingError:
    with housing_errors():
        response = next(answers, None)
    return messages.stream_outcome(response)
