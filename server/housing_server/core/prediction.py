"""Validate, predict, answer: the prediction service without a transport. Messages in, messages out."""

import asyncio
import itertools
import time
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
import uuid_utils
from google.protobuf.message import Message

from housing.rules import BATCH_SIZES
from housing.v1.model_service_pb2 import GetModelCardResponse, GetModelProfileResponse, GetModelResponse
from housing.v1.prediction_service_pb2 import (
    BatchPredictRequest,
    BatchPredictResponse,
    PredictRequest,
    StreamPredictRequest,
    StreamPredictResponse,
)
from housing_server.core.admission import Admission
from housing_server.core.answers import Answers, timestamp
from housing_server.core.arrivals import Arrivals
from housing_server.core.batches import Batch
from housing_server.core.callers import Caller
from housing_server.core.canary import Canary
from housing_server.core.coalescing import Answer, Coalescer
from housing_server.core.encoded_rows import row_reader
from housing_server.core.endpoints import Queued, Recipient
from housing_server.core.interfaces import PredictionLog, PredictionObserver
from housing_server.core.model import LoadedModel, PriceModel
from housing_server.core.pipelining import Pipeline
from housing_server.core.queued_prediction import Encoder, QueuedPrediction
from housing_server.core.rows import CheckedRows, path_of, read_row
from housing_server.core.run_clock import RunClock
from housing_server.core.runs import Runs
from housing_server.core.status import status_from_error
from housing_server.errors import (
    InvalidRequest,
    ModelCardNotFound,
    ModelFailed,
    ModelNotLoaded,
    ModelProfileNotFound,
    RequestError,
)

if TYPE_CHECKING:
    from housing_server.core.refusals import RowRefusals

_INLINE_ROWS = 64
"""Larger batches run on a thread: they would delay other calls by more than a thread costs."""

_BATCH_THREADS = 2
"""Batches computed in parallel: a worker has about one processor, and more threads would only starve its event loop;
with two, a small batch need not wait for a large one."""

_ROW_BYTES = 100
"""Approximate size of a complete block group on the wire; larger batches are weighted by their size."""

STREAM_WINDOW = 128
"""Messages of a stream in flight: enough to share runs of the model, at little memory."""


_Pending: TypeAlias = "asyncio.Future[Answer] | RequestError"
"""A pending answer, or the error that replaces it."""


class PredictionCore:
    """Answers requests with the loaded model, on one event loop."""

    def __init__(  # noqa: PLR0913 - keyword-only arguments are clear in any number
        self,
        observer: PredictionObserver,
        log: PredictionLog,
        admission: Admission,
        *,
        now: Callable[[], int] = time.time_ns,
        new_id: Callable[[], object] = uuid_utils.uuid7,
        report: Callable[[Exception], object] = repr,
        clock: RunClock | None = None,
    ) -> None:
        """Create a core without a model.

        Args:
            observer: counts answers and refusals.
            log: records every answer.
            admission: bounds the work in flight.
            now: returns the time, in nanoseconds since the epoch.
            new_id: returns a new unique prediction id.
            report: called with exceptions that the observer raises, which fail no call; by default they are dropped.
            clock: times the runs in flight.
        """
        self.model: LoadedModel | None = None
        """The model for the next run; may be replaced at any time."""
        self.canary: Canary | None = None
        """Answers its share of the calls in the model's place; likewise."""
        self._observer = observer
        self._log = log
        self._admission = admission
        self._runs = Runs(observer, log, now=now, new_id=new_id, report=report, clock=clock or RunClock())
        self.arrivals = Arrivals()
        """The calls that are about to bring rows."""
        self._coalescer = Coalescer(self._predictor, self._runs.answer, inline=log.inline, arrivals=self.arrivals)
        self._batches = ThreadPoolExecutor(_BATCH_THREADS, thread_name_prefix="batch")
        self._now = now
        self._read_encoded = row_reader(PredictRequest)
        self._encoder = Encoder()

    def serve_canary(self, model: LoadedModel | None, share: float, on_failure: Callable[[str, int], object]) -> None:
        """Let a second model answer a share of the calls from now on; None for no such model.

        Args:
            model: the canary.
            share: its share, from 0 to 1.
            on_failure: called, from any thread, with the cause, when it has failed on so many rows.
        """
        runs, inline = self._runs.sparing_failures(), self._log.inline
        canary = None
        if model is not None:
            canary = Canary(model, share, runs, inline=inline, arrivals=self.arrivals, on_failure=on_failure)
        self.canary = canary

    def predict(
        self, data: bytes, decode: Callable[[bytes], PredictRequest], caller: Caller, recipient: Recipient
    ) -> Queued:
        """Queue an encoded request to predict the price of one block group.

        Raises:
            UndecodableMessage: the request is no message of its type.
            InvalidRequest: the request breaks a rule of the contract.
            ModelNotLoaded: no model is loaded yet.
            Overloaded: there is too much work in flight.
            PredictionLogUnavailable: the answer cannot be recorded.
        """
        self._log.check()
        admitted = self._admission.admit(1, seconds_left=caller.seconds_left())
        try:
            row = self._read_encoded(data)
            if row is None:
                row = self._read(decode(data))
            self._loaded_model()
        except BaseException as error:
            admitted.end(error)
            raise
        queued = QueuedPrediction(row, caller, admitted, recipient, self._encoder)
        if self.canary is not None and self.canary.takes(caller):
            self.canary.queue(queued, self._coalescer.queue)
        else:
            self._coalescer.queue(queued)
        return queued

    async def batch_predict(self, data: bytes, decode: Callable[[bytes], BatchPredictRequest], caller: Caller) -> bytes:
        """Predict the prices of many block groups in one run of the model, in their order.

        Args:
            data: an encoded BatchPredictRequest.
            decode: parses it, where that is necessary.
            caller: its origin.

        Returns:
            An encoded BatchPredictResponse.

        Raises:
            UndecodableMessage: the request is malformed.
            InvalidRequest: the batch, or a block group in it, breaks a rule of the contract; with partial results, only
                the batch as such.
            ModelNotLoaded: no model is loaded yet.
            ModelFailed: the model failed on a block group; not with partial results.
            Overloaded: there is too much work in flight.
            PredictionLogUnavailable: the answers cannot be recorded.
        """
        self._log.check()
        batch = Batch.of(data, decode)
        if batch.count not in BATCH_SIZES:
            raise self._invalid(decode(data))
        inline = batch.count <= _INLINE_ROWS and self._inline
        weight = batch.count if inline else max(batch.count, len(data) // _ROW_BYTES)
        with self._admission.admit(weight, seconds_left=caller.seconds_left()):
            if inline:
                return self._batch_predict(batch, caller)
            return await asyncio.get_running_loop().run_in_executor(self._batches, self._batch_predict, batch, caller)

    def stream_predict(
        self, requests: AsyncIterator[StreamPredictRequest], caller: Caller
    ) -> AsyncIterator[StreamPredictResponse]:
        """Answer a stream message by message and in order, with several in flight.

        A failure of one message is its answer; the stream continues. Its rows do not count as in flight: back-pressure
        bounds a stream that is answered slowly.

        Raises:
            Overloaded: there is too much work in flight.
        """
        self._admission.check(1)
        numbers = itertools.count()
        pipeline: Pipeline[StreamPredictRequest, _Pending, StreamPredictResponse] = Pipeline(
            begin=lambda request: self._begin_of_stream(request, caller, numbers),
            finish=self._finish_of_stream,
            window=STREAM_WINDOW,
        )
        return pipeline.answer(requests)

    def get_model(self) -> GetModelResponse:
        """Describe the loaded model.

        Raises:
            ModelNotLoaded: no model is loaded yet.
        """
        return GetModelResponse(model=self._loaded_model().description)

    def get_model_profile(self) -> GetModelProfileResponse:
        """Return the distributions of the loaded model's inputs and answers at training time.

        Raises:
            ModelNotLoaded: no model is loaded yet.
            ModelProfileNotFound: the model was registered without a profile.
        """
        model = self._loaded_model()
        name, version = model.description.name, model.description.version
        if model.profile is None:
            raise ModelProfileNotFound(name, version)
        return GetModelProfileResponse(model_name=name, model_version=version, profile=model.profile)

    def get_model_card(self) -> GetModelCardResponse:
        """Return the loaded model's card.

        Raises:
            ModelNotLoaded: no model is loaded yet.
            ModelCardNotFound: the model was registered without a card.
        """
        model = self._loaded_model()
        name, version = model.description.name, model.description.version
        if model.card is None:
            raise ModelCardNotFound(name, version)
        return GetModelCardResponse(model_name=name, model_version=version, markdown=model.card)

    @property
    def _inline(self) -> bool:
        """Whether a few rows may run on the event loop."""
        if self.canary is not None and not self.canary.inline:
            return False
        return self._log.inline and (self.model is None or self.model.predictor.inline)

    @cached_property
    def _refusals(self) -> "RowRefusals":
        """What describes violations, loaded at the first one: it takes 14 MB and a tenth of a second."""
        from housing_server.core.refusals import RowRefusals  # noqa: PLC0415

        return RowRefusals()

    def _begin(
        self, request: PredictRequest | StreamPredictRequest, caller: Caller, number: int = 0
    ) -> "asyncio.Future[Answer]":
        """Validate a block group and queue it for a run."""
        row = self._read(request)
        self._loaded_model()
        if self.canary is not None and self.canary.takes(caller, number):
            return self.canary.submit(row, caller, self._coalescer.queue)
        return self._coalescer.submit(row, caller)

    def _begin_of_stream(self, request: StreamPredictRequest, caller: Caller, numbers: Iterator[int]) -> _Pending:
        try:
            self._log.check()
            number = next(numbers) if self.canary is not None else 0
            return self._begin(request, caller._replace(arrived=time.perf_counter(), span=None), number)
        except RequestError as error:
            return error

    async def _finish_of_stream(self, pending: _Pending) -> StreamPredictResponse:
        if isinstance(pending, RequestError):
            return StreamPredictResponse(error=status_from_error(pending))
        try:
            answers, position = await pending
        except ModelFailed as error:
            return StreamPredictResponse(error=status_from_error(error))
        return StreamPredictResponse(prediction=answers.response(position))

    def _read(self, request: PredictRequest | StreamPredictRequest) -> list[float]:
        row = read_row(request.block_group)
        if row is None:
            raise self._invalid(request)
        return row

    def _invalid(self, message: Message) -> InvalidRequest:
        """Return the violations that protovalidate finds in a message that the compiled rules refuse."""
        try:
            self._refusals.check(message)
        except InvalidRequest as error:
            self._runs.observe(self._observer.refused, error)
            return error
        raise RuntimeError(f"the compiled rules refuse a {type(message).__name__} that the contract allows")

    def _batch_predict(self, batch: Batch, caller: Caller) -> bytes:
        model, checked = self._loaded_model(), batch.read()
        partial = batch.partial_results
        if not (partial or checked.good.all()):
            error = self._refusals.first(checked)
            self._runs.observe(self._observer.refused, error)
            raise error
        refused = self._refused_rows(checked)
        answers, failed = self._answer_good_rows(model.predictor, checked, caller, partial=partial)
        refused |= failed
        description = answers.model.description if answers else model.description
        response = BatchPredictResponse(
            model_name=description.name,
            model_version=description.version,
            predicted_at=timestamp(answers.predicted_at if answers else self._now()),
        )
        for index in sorted(refused):
            response.refusals.add(index=index).status.MergeFromString(refused[index])
        predictions = answers.encoded_predictions() if answers else b""
        return predictions + response.SerializeToString()

    def _answer_good_rows(
        self, model: PriceModel, checked: CheckedRows, caller: Caller, *, partial: bool
    ) -> tuple[Answers | None, dict[int, bytes]]:
        """Answer the valid rows of a batch.

        Returns:
            The answers, None when there are none, and the serialized statuses of valid rows that failed, by index.

        Raises:
            ModelFailed: the model failed on a row, and partial results are not requested.
        """
        good = np.flatnonzero(checked.good)
        if good.size == 0:
            return None, {}
        rows, canary, fault = checked.rows[good], self.canary, None
        if canary is not None and canary.takes(caller):
            answered = canary.answer_all(rows, caller)
            if isinstance(answered, Answers):
                return answered, {}
            fault = answered
        answers, failures = self._runs.answer(model, rows, [caller], whole=not partial)
        if canary is not None and fault is not None and not failures:
            canary.failed(fault, len(rows))
        errors = {int(good[row]): ModelFailed(each.reason, path_of(int(good[row]))) for row, each in failures.items()}
        if errors and not partial:
            raise next(iter(errors.values()))
        return answers, {row: status_from_error(error).SerializeToString() for row, error in errors.items()}

    def _refused_rows(self, checked: CheckedRows) -> dict[int, bytes]:
        """Refuse the invalid rows of a batch; return their serialized statuses by index."""
        if checked.good.all():
            return {}
        statuses, errors = self._refusals.each(checked)
        for error, rows in errors:
            self._runs.observe(self._observer.refused, error, rows)
        return statuses

    def _predictor(self) -> PriceModel:
        return self._loaded_model().predictor

    def _loaded_model(self) -> LoadedModel:
        if self.model is None:
            raise ModelNotLoaded
        return self.model
