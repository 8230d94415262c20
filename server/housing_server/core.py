"""Validate, predict, answer: the service without a transport. Messages in, messages out."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from typing import NamedTuple, Protocol

import numpy as np
import uuid_utils
from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp

from housing.contract import BATCH_SIZES, UNUSUAL_RULES, warnings_for
from housing.v1.model_service_pb2 import GetModelResponse
from housing.v1.model_service_pb2 import Model as ModelDescription
from housing.v1.prediction_service_pb2 import (
    BatchPredictRequest,
    BatchPredictResponse,
    Prediction,
    PredictRequest,
    PredictResponse,
    Refusal,
    StreamPredictRequest,
    StreamPredictResponse,
)
from housing_server.coalescing import Coalescer, Estimate
from housing_server.errors import InvalidRequest, ModelNotLoaded, RequestError
from housing_server.models import Estimates, Model, Rows
from housing_server.pipelining import Pipeline
from housing_server.rules import CheckedRows, read_row, read_rows
from housing_server.status import status_from_error
from housing_server.validation import RequestValidator

_INLINE_ROWS = 64
"""Larger batches run on a thread: they would keep other calls waiting for longer than a thread costs."""

STREAM_WINDOW = 64
"""Messages of a stream that are under way at once: enough to share runs of the model, little to hold."""


class PredictionObserver(Protocol):
    """Who is told what the core did."""

    def predicted(self, model: ModelDescription, estimates: Estimates, seconds: float) -> None:
        """Note that rows were answered by one run of a model that took so many seconds; from any thread."""

    def refused(self, error: InvalidRequest) -> None:
        """Note that a request, or a part of it, broke rules of the contract; from any thread."""


class _Begun(NamedTuple):
    """A block group that is being estimated."""

    row: list[float]
    estimate: "asyncio.Future[Estimate]"


class PredictionCore:
    """Answers requests with the model that is loaded, on an event loop."""

    def __init__(
        self,
        observer: PredictionObserver,
        *,
        now: Callable[[], int] = time.time_ns,
        new_id: Callable[[], object] = uuid_utils.uuid7,
    ) -> None:
        """Make a core without a model.

        Args:
            observer: is told of every answer and refusal.
            now: the time, in nanoseconds since the epoch.
            new_id: a new prediction id, unique for good.
        """
        self.model: Model | None = None
        """The model that answers from the next run on; may be replaced at any time."""
        self._observer = observer
        self._validator = RequestValidator()
        self._coalescer = Coalescer(self._loaded_model, self._run)
        self._stream = Pipeline(begin=self._begin_of_stream, finish=self._finish_of_stream, window=STREAM_WINDOW)
        self._now = now
        self._new_id = new_id

    async def predict(self, request: PredictRequest) -> PredictResponse:
        """Answer one block group.

        Raises:
            InvalidRequest: it breaks a rule of the contract.
            ModelNotLoaded: there is no model yet.
        """
        return await self._finish(self._begin(request))

    async def batch_predict(self, request: BatchPredictRequest) -> BatchPredictResponse:
        """Answer many block groups by one run of the model, in their order.

        Raises:
            InvalidRequest: the batch, or a block group in it, breaks a rule of the contract; with partial results,
                only the batch as such.
            ModelNotLoaded: there is no model yet.
        """
        if len(request.block_groups) <= _INLINE_ROWS and (self.model is None or self.model.inline):
            return self._batch_predict(request)
        return await asyncio.to_thread(self._batch_predict, request)

    def stream_predict(self, requests: AsyncIterator[StreamPredictRequest]) -> AsyncIterator[StreamPredictResponse]:
        """Answer a stream, message by message and in order, some of them under way at once.

        What is wrong with one message is its answer; the stream goes on.
        """
        return self._stream.answer(requests)

    def get_model(self) -> GetModelResponse:
        """Describe the loaded model.

        Raises:
            ModelNotLoaded: there is none yet.
        """
        return GetModelResponse(model=self._loaded_model().description)

    def _begin(self, request: PredictRequest | StreamPredictRequest) -> _Begun:
        """Check a block group and have it estimated."""
        row = self._read(request)
        self._loaded_model()
        return _Begun(row, self._coalescer.submit(row))

    async def _finish(self, begun: _Begun) -> PredictResponse:
        price, model = await begun.estimate
        return PredictResponse(
            prediction_id=str(self._new_id()),
            median_house_value=price,
            model_name=model.description.name,
            model_version=model.description.version,
            predicted_at=self._timestamp(),
            warnings=warnings_for(begun.row),
        )

    def _begin_of_stream(self, request: StreamPredictRequest) -> _Begun | RequestError:
        try:
            return self._begin(request)
        except RequestError as error:
            return error

    async def _finish_of_stream(self, begun: _Begun | RequestError) -> StreamPredictResponse:
        if isinstance(begun, RequestError):
            return StreamPredictResponse(error=status_from_error(begun))
        return StreamPredictResponse(prediction=await self._finish(begun))

    def _read(self, request: PredictRequest | StreamPredictRequest) -> list[float]:
        row = read_row(request.block_group)
        if row is None:
            raise self._invalid(request)
        return row

    def _invalid(self, message: Message, path: str = "") -> InvalidRequest:
        """Have protovalidate say what is wrong with a message that the rules have refused."""
        try:
            self._validator.check(message, path)
        except InvalidRequest as error:
            self._observer.refused(error)
            return error
        raise RuntimeError(f"the compiled rules refuse a {type(message).__name__} that the contract allows")

    def _batch_predict(self, request: BatchPredictRequest) -> BatchPredictResponse:
        if len(request.block_groups) not in BATCH_SIZES:
            raise self._invalid(request)
        model, checked = self._loaded_model(), read_rows(request.block_groups)
        if not (request.partial_results or checked.good.all()):
            raise self._invalid(request)
        rows = checked.rows[checked.good]
        return BatchPredictResponse(
            predictions=self._predictions(rows, self._run(model, rows)) if len(rows) else (),
            refusals=self._refusals(request, checked),
            model_name=model.description.name,
            model_version=model.description.version,
            predicted_at=self._timestamp(),
        )

    def _predictions(self, rows: Rows, estimates: Estimates) -> list[Prediction]:
        predictions = [
            Prediction(prediction_id=str(self._new_id()), median_house_value=price)
            for price in estimates.median_house_value.tolist()
        ]
        for rule in UNUSUAL_RULES:
            for index in np.flatnonzero(rows[:, rule.field] > rows[:, rule.exceeds]):
                predictions[index].warnings.append(rule.warning)
        return predictions

    def _refusals(self, request: BatchPredictRequest, checked: CheckedRows) -> Iterator[Refusal]:
        for index in np.flatnonzero(~checked.good).tolist():
            error = self._invalid(request.block_groups[index], f"block_groups[{index}]")
            yield Refusal(index=index, status=status_from_error(error))

    def _run(self, model: Model, rows: Rows | Sequence[list[float]]) -> Estimates:
        started = time.perf_counter()
        estimates = model.estimate(np.asarray(rows))
        self._observer.predicted(model.description, estimates, time.perf_counter() - started)
        return estimates

    def _loaded_model(self) -> Model:
        if self.model is None:
            raise ModelNotLoaded
        return self.model

    def _timestamp(self) -> Timestamp:
        seconds, nanos = divmod(self._now(), 1_000_000_000)
        return Timestamp(seconds=seconds, nanos=nanos)
