"""The synchronous client."""

from collections.abc import Generator, Iterable, Iterator
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
from housing_client.streams import Stream
from housing_client.unanswered import Unanswered


class PredictionClient:
    """Calls the prediction service. One client may be shared by threads; close it, or use it as a context manager.

    Every method raises `HousingError` when the call fails, and `ValueError` when a block group holds a name or a value
    that the contract has no place for. The error's `answered` is how many items were answered before. `deadline`, in
    seconds, replaces the method's deadline for one call.

    Args:
        target: `host:port` of the service, or any gRPC target; by default `HOUSING_TARGET`, else `localhost:50051`.
        credentials: for TLS, what `grpc.ssl_channel_credentials` makes; without them nothing is encrypted.
        deadlines: how long calls may take.
        retries: how calls are tried again that find the service unavailable.
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
        self._channel = open_channel(grpc, self.target, credentials, retries)
        self._predictions = prediction_service_pb2_grpc.PredictionServiceStub(self._channel)
        self._explanations = explanation_service_pb2_grpc.ExplanationServiceStub(self._channel)
        self._models = model_service_pb2_grpc.ModelServiceStub(self._channel)
        self._statuses = status_service_pb2_grpc.StatusServiceStub(self._channel)
        self._log = prediction_log_service_pb2_grpc.PredictionLogServiceStub(self._channel)
        self._outcomes = outcome_service_pb2_grpc.OutcomeServiceStub(self._channel)

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
        for answered, request in messages.batch_requests(block_groups, BATCH_SIZES[-1]):
            with housing_errors(answered=answered):
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

        A stream outlives its connection: when that is lost or the service restarts, the stream goes on in another
        call at the first block group without an answer. Each is answered once; those that were on their way may be
        on record in the prediction log twice.
        """
        unanswered = Unanswered(deadline=deadline or self._deadlines.stream, retries=self._retries)
        stream = Stream(self._predictions.StreamPredict, unanswered)
        try:
            for request in map(messages.stream_request, block_groups):
                stream.send(request)
                if len(unanswered.requests) == window:
                    yield stream.receive()
            stream.end()
            while unanswered.requests:
                yield stream.receive()
        finally:
            stream.close()

    def explain(
        self, block_group: BlockGroupLike | None = None, /, *, deadline: float | None = None, **fields: Any
    ) -> Explanation:
        """Explain what each field adds to the price of one block group, given whole or as fields by name."""
        request = messages.explain_request(block_group, fields)
        with housing_errors():
            response = self._explanations.Explain(request, timeout=deadline or self._deadlines.predict)
        return messages.explanation(response)

    def model(self, *, deadline: float | None = None) -> Model:
        """Describe the model that is being served."""
        with housing_errors():
            response = self._models.GetModel(
                model_service_pb2.GetModelRequest(), timeout=deadline or self._deadlines.describe
            )
        return messages.model(response)

    def model_card(self, *, deadline: float | None = None) -> ModelCard:
        """Return the card of the model that is being served.

        Raises:
            NotFoundError: it was registered without one.
        """
        with housing_errors():
            response = self._models.GetModelCard(
                model_service_pb2.GetModelCardRequest(), timeout=deadline or self._deadlines.describe
            )
        return messages.model_card(response)

    def status(self, *, deadline: float | None = None) -> Status:
        """Report the state of the service."""
        with housing_errors():
            response = self._statuses.GetStatus(
                status_service_pb2.GetStatusRequest(), timeout=deadline or self._deadlines.describe
            )
        return messages.status(response)

    def logged_predictions(
        self,
        wanted: PredictionFilter = EVERYTHING,
        *,
        page_size: int = log_messages.PAGE_SIZE,
        deadline: float | None = None,
    ) -> Iterator[LoggedPrediction]:
        """List the predictions on record, the newest first; pages are fetched as they are needed.

        Raises:
            ValueError: a time of the filter has no time zone.
        """
        request = log_messages.list_request(wanted, page_size)
        listed = 0
        while True:
            with housing_errors(answered=listed):
                page = self._log.ListPredictions(request, timeout=deadline or self._deadlines.log)
            yield from map(log_messages.logged_prediction, page.predictions)
            listed += len(page.predictions)
            if not page.next_page_token:
                return
            request.page_token = page.next_page_token

    def logged_prediction(self, prediction_id: str, *, deadline: float | None = None) -> LoggedPrediction:
        """Return one prediction on record.

        Raises:
            NotFoundError: it is not on record.
        """
        request = prediction_log_service_pb2.GetPredictionRequest(prediction_id=prediction_id)
        with housing_errors():
            response = self._log.GetPrediction(request, timeout=deadline or self._deadlines.log)
        return log_messages.logged_prediction(response.prediction)

    def prediction_stats(
        self,
        *,
        start_time: datetime | None = None,
        end_time: datetime | None = None,
        model_version: str = "",
        period: str = "hour",
        deadline: float | None = None,
    ) -> PredictionStats:
        """Count the predictions of the last day, or of a range of time, and measure prices and errors.

        Args:
            start_time: from when on; by default a day, or for days a month, before the end.
            end_time: before when; by default now.
            model_version: the only version of the model to look at; empty for any.
            period: how long the periods are: `hour` or `day`.
            deadline: how long the call may take, in seconds.

        Raises:
            ValueError: the period is neither, or a time has no time zone.
        """
        request = log_messages.stats_request(start_time, end_time, model_version, period)
        with housing_errors():
            response = self._log.GetPredictionStats(request, timeout=deadline or self._deadlines.log)
        return log_messages.prediction_stats(response)

    def record_outcomes(self, outcomes: OutcomesLike, *, deadline: float | None = None) -> list[RecordedOutcome]:
        """Record what predictions turned out to be worth, in 1990 USD by prediction id, and return the result of each.

        It may be repeated. Any number is sent in requests as large as the contract allows; a bad outcome refuses its
        request, and violations name its place in `outcomes`.
        """
        recorded: list[RecordedOutcome] = []
        for answered, request in log_messages.outcome_requests(outcomes):
            with housing_errors(answered=answered):
                response = self._outcomes.RecordOutcomes(request, timeout=deadline or self._deadlines.log)
            recorded += log_messages.recorded_outcomes(response)
        return recorded
