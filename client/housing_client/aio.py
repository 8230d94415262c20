"""The asynchronous client."""

from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator, Iterable
from datetime import datetime
from types import TracebackType
from typing import Any, Self

import grpc

from housing.contract import BATCH_SIZES
from housing.v1 import (
    explanation_service_pb2_grpc,
    model_service_pb2,
    model_service_pb2_grpc,
    outcome_service_pb2_grpc,
    prediction_log_service_pb2,
    prediction_log_service_pb2_grpc,
    prediction_service_pb2_grpc,
    status_service_pb2,
    status_service_pb2_grpc,
)
from housing_client import log_messages, messages
from housing_client.aio_streams import AsyncStream
from housing_client.channel import (
    DEFAULT_DEADLINES,
    DEFAULT_RETRIES,
    STREAM_WINDOW,
    Deadlines,
    Retries,
    open_channel,
    resolve_target,
)
from housing_client.errors import HousingError, housing_errors
from housing_client.log_messages import OutcomesLike
from housing_client.messages import BlockGroupLike
from housing_client.prediction_log import (
    EVERYTHING,
    LoggedPrediction,
    PredictionFilter,
    PredictionStats,
    RecordedOutcome,
)
from housing_client.results import Explanation, Model, ModelCard, Prediction, Status
from housing_client.unanswered import Unanswered


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
        retries: Retries = DEFAULT_RETRIES,
    ) -> None:
        self.target = resolve_target(target)
        self._deadlines = deadlines
        self._retries = retries
        self._channel = open_channel(grpc.aio, self.target, credentials, retries)
        self._predictions = prediction_service_pb2_grpc.PredictionServiceStub(self._channel)
        self._explanations = explanation_service_pb2_grpc.ExplanationServiceStub(self._channel)
        self._models = model_service_pb2_grpc.ModelServiceStub(self._channel)
        self._statuses = status_service_pb2_grpc.StatusServiceStub(self._channel)
        self._log = prediction_log_service_pb2_grpc.PredictionLogServiceStub(self._channel)
        self._outcomes = outcome_service_pb2_grpc.OutcomeServiceStub(self._channel)

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
        for answered, request in messages.batch_requests(block_groups, BATCH_SIZES[-1]):
            with housing_errors(answered=answered):
                response = await self._predictions.BatchPredict(request, timeout=deadline or self._deadlines.batch)
            predictions += messages.batch_predictions(response)
        return predictions

    async def predict_stream(
        self,
        block_groups: Iterable[BlockGroupLike] | AsyncIterable[BlockGroupLike],
        *,
        deadline: float | None = None,
        window: int = STREAM_WINDOW,
    ) -> AsyncGenerator[Prediction | HousingError, None]:
        """Predict block groups one by one, in order, as `PredictionClient.predict_stream` does."""
        unanswered = Unanswered(deadline=deadline or self._deadlines.stream, retries=self._retries)
        stream = AsyncStream(self._predictions.StreamPredict, unanswered)
        try:
            async for given in _each(block_groups):
                stream.send(messages.stream_request(given))
                if len(unanswered.requests) == window:
                    yield await stream.receive()
            stream.end()
            while unanswered.requests:
                yield await stream.receive()
        finally:
            stream.close()

    async def explain(
        self, block_group: BlockGroupLike | None = None, /, *, deadline: float | None = None, **fields: Any
    ) -> Explanation:
        """Explain what each field adds to the price of one block group, as `PredictionClient.explain` does."""
        request = messages.explain_request(block_group, fields)
        with housing_errors():
            response = await self._explanations.Explain(request, timeout=deadline or self._deadlines.predict)
        return messages.explanation(response)

    async def model(self, *, deadline: float | None = None) -> Model:
        """Describe the model that is being served."""
        with housing_errors():
            response = await self._models.GetModel(
                model_service_pb2.GetModelRequest(), timeout=deadline or self._deadlines.describe
            )
        return messages.model(response)

    async def model_card(self, *, deadline: float | None = None) -> ModelCard:
        """Return the card of the model that is being served.

        Raises:
            NotFoundError: it was registered without one.
        """
        with housing_errors():
            response = await self._models.GetModelCard(
                model_service_pb2.GetModelCardRequest(), timeout=deadline or self._deadlines.describe
            )
        return messages.model_card(response)

    async def status(self, *, deadline: float | None = None) -> Status:
        """Report the state of the service."""
        with housing_errors():
            response = await self._statuses.GetStatus(
                status_service_pb2.GetStatusRequest(), timeout=deadline or self._deadlines.describe
            )
        return messages.status(response)

    async def logged_predictions(
        self,
        wanted: PredictionFilter = EVERYTHING,
        *,
        page_size: int = log_messages.PAGE_SIZE,
        deadline: float | None = None,
    ) -> AsyncIterator[LoggedPrediction]:
        """List the predictions on record, as `PredictionClient.logged_predictions` does."""
        request = log_messages.list_request(wanted, page_size)
        listed = 0
        while True:
            with housing_errors(answered=listed):
                page = await self._log.ListPredictions(request, timeout=deadline or self._deadlines.log)
            for found in page.predictions:
                yield log_messages.logged_prediction(found)
            listed += len(page.predictions)
            if not page.next_page_token:
                return
            request.page_token = page.next_page_token

    async def logged_prediction(self, prediction_id: str, *, deadline: float | None = None) -> LoggedPrediction:
        """Return one prediction on record."""
        request = prediction_log_service_pb2.GetPredictionRequest(prediction_id=prediction_id)
        with housing_errors():
            response = await self._log.GetPrediction(request, timeout=deadline or self._deadlines.log)
        return log_messages.logged_prediction(response.prediction)

    async def prediction_stats(
        self,
        *,
        start_time: datetime | None = None,
        end_time: datetime | None = None,
        model_version: str = "",
        period: str = "hour",
        deadline: float | None = None,
    ) -> PredictionStats:
        """Count and measure predictions, as `PredictionClient.prediction_stats` does."""
        request = log_messages.stats_request(start_time, end_time, model_version, period)
        with housing_errors():
            response = await self._log.GetPredictionStats(request, timeout=deadline or self._deadlines.log)
        return log_messages.prediction_stats(response)

    async def record_outcomes(self, outcomes: OutcomesLike, *, deadline: float | None = None) -> list[RecordedOutcome]:
        """Record what predictions turned out to be worth, as `PredictionClient.record_outcomes` does."""
        recorded: list[RecordedOutcome] = []
        for answered, request in log_messages.outcome_requests(outcomes):
            with housing_errors(answered=answered):
                response = await self._outcomes.RecordOutcomes(request, timeout=deadline or self._deadlines.log)
            recorded += log_messages.recorded_outcomes(response)
        return recorded


async def _each(
    block_groups: Iterable[BlockGroupLike] | AsyncIterable[BlockGroupLike],
) -> AsyncIterator[BlockGroupLike]:
    if isinstance(block_groups, AsyncIterable):
        async for given in block_groups:
            yield given
    else:
        for given in block_groups:
            yield given
