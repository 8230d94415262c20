"""Validate, predict, answer: the service without a transport. Messages in, messages out."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeAlias

import numpy as np
import uuid_utils
from google.protobuf.message import Message

from housing.contract import BATCH_SIZES
from housing.v1.model_service_pb2 import GetModelCardResponse, GetModelProfileResponse, GetModelResponse
from housing.v1.prediction_service_pb2 import (
    BatchPredictRequest,
    BatchPredictResponse,
    PredictRequest,
    PredictResponse,
    StreamPredictRequest,
    StreamPredictResponse,
)
from housing_server.core.admission import Admission
from housing_server.core.answers import Answers, timestamp
from housing_server.core.callers import Caller
from housing_server.core.coalescing import Answer, Coalescer
from housing_server.core.interfaces import PredictionLog, PredictionObserver
from housing_server.core.model import LoadedModel, PriceModel
from housing_server.core.pipelining import Pipeline
from housing_server.core.refusals import RowRefusals, path_of
from housing_server.core.rows import CheckedRows, read_row, read_rows
from housing_server.core.run_clock import RunClock
from housing_server.core.runs import Runs
from housing_server.core.status import status_from_error
from housing_server.core.validation import RequestValidator
from housing_server.errors import (
    InvalidRequest,
    ModelCardNotFound,
    ModelFailed,
    ModelNotLoaded,
    ModelProfileNotFound,
    RequestError,
)

_INLINE_ROWS = 64
"""Larger batches run on a thread: they would keep other calls waiting for longer than a thread costs."""

_BATCH_THREADS = 2
"""Batches that are computed at once: a worker has about one processor, and more threads would only keep its event loop
from getting its turn; with two a small batch need not wait for a large one."""

_ROW_BYTES = 100
"""About what a block group with all its fields comes to on the wire; a heavier batch counts as more of them."""

STREAM_WINDOW = 128
"""Messages of a stream that are under way at once: enough to share runs of the model, little to hold."""


_Begun: TypeAlias = "asyncio.Future[Answer] | RequestError"
"""An answer under way, or why there will be none."""


class PredictionCore:
    """Answers requests with the model that is loaded, on an event loop."""

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
        """Make a core without a model.

        Args:
            observer: counts every answer and refusal.
            log: where every answer goes on record.
            admission: bounds what is under way.
            now: returns the time, in nanoseconds since the epoch.
            new_id: returns a new prediction id, unique for good.
            report: is called with what the observer raises, which fails no call; by default it is dropped.
            clock: times what is under way.
        """
        self.model: LoadedModel | None = None
        """The model that answers from the next run on; may be replaced at any time."""
        self._observer = observer
        self._log = log
        self._admission = admission
        self._validator = RequestValidator()
        self._refusals = RowRefusals(self._validator)
        self._runs = Runs(observer, log, now=now, new_id=new_id, report=report, clock=clock or RunClock())
        self._coalescer = Coalescer(self._predictor, self._runs.answer, inline=log.inline)
        self._batches = ThreadPoolExecutor(_BATCH_THREADS, thread_name_prefix="batch")
        self._now = now

    async def predict(self, request: PredictRequest, caller: Caller) -> PredictResponse:
        """Answer one block group.

        Raises:
            InvalidRequest: it breaks a rule of the contract.
            ModelNotLoaded: there is no model yet.
            ModelFailed: the model has no answer to it.
            Overloaded: there is too much under way.
            PredictionLogUnavailable: the answer cannot be put on record.
        """
        self._log.check()
        with self._admission.admit(1, seconds_left=caller.seconds_left()):
            answers, position = await self._begin(request, caller)
        return answers.response(position)

    async def batch_predict(self, request: BatchPredictRequest, caller: Caller) -> BatchPredictResponse:
        """Answer many block groups by one run of the model, in their order.

        Raises:
            InvalidRequest: the batch, or a block group in it, breaks a rule of the contract; with partial results,
                only the batch as such.
            ModelNotLoaded: there is no model yet.
            ModelFailed: the model has no answer to one of them; not with partial results.
            Overloaded: there is too much under way.
            PredictionLogUnavailable: the answers cannot be put on record.
        """
        self._log.check()
        count = len(request.block_groups)
        if count not in BATCH_SIZES:
            raise self._invalid(request)
        inline = count <= _INLINE_ROWS and self._inline
        weight = count if inline else max(count, request.ByteSize() // _ROW_BYTES)
        with self._admission.admit(weight, seconds_left=caller.seconds_left()):
            if inline:
                return self._batch_predict(request, caller)
            running = asyncio.get_running_loop().run_in_executor(self._batches, self._batch_predict, request, caller)
            return await running

    def stream_predict(
        self, requests: AsyncIterator[StreamPredictRequest], caller: Caller
    ) -> AsyncIterator[StreamPredictResponse]:
        """Answer a stream, message by message and in order, some of them under way at once.

        What is wrong with one message is its answer; the stream goes on. Its rows are not counted as in flight: a
        stream that is answered slowly is held back instead.

        Raises:
            Overloaded: there is too much under way.
        """
        self._admission.check(1)
        pipeline: Pipeline[StreamPredictRequest, _Begun, StreamPredictResponse] = Pipeline(
            begin=lambda request: self._begin_of_stream(request, caller),
            finish=self._finish_of_stream,
            window=STREAM_WINDOW,
        )
        return pipeline.answer(requests)

    def get_model(self) -> GetModelResponse:
        """Describe the loaded model.

        Raises:
            ModelNotLoaded: there is none yet.
        """
        return GetModelResponse(model=self._loaded_model().description)

    def get_model_profile(self) -> GetModelProfileResponse:
        """Return how inputs and answers of the loaded model were spread when it was made.

        Raises:
            ModelNotLoaded: there is none yet.
            ModelProfileNotFound: it was registered without a profile.
        """
        model = self._loaded_model()
        name, version = model.description.name, model.description.version
        if model.profile is None:
            raise ModelProfileNotFound(name, version)
        return GetModelProfileResponse(model_name=name, model_version=version, profile=model.profile)

    def get_model_card(self) -> GetModelCardResponse:
        """Return the loaded model's card.

        Raises:
            ModelNotLoaded: there is none yet.
            ModelCardNotFound: it was registered without a card.
        """
        model = self._loaded_model()
        name, version = model.description.name, model.description.version
        if model.card is None:
            raise ModelCardNotFound(name, version)
        return GetModelCardResponse(model_name=name, model_version=version, markdown=model.card)

    @property
    def _inline(self) -> bool:
        """Whether few rows may be answered on the event loop."""
        return self._log.inline and (self.model is None or self.model.predictor.inline)

    def _begin(self, request: PredictRequest | StreamPredictRequest, caller: Caller) -> "asyncio.Future[Answer]":
        """Check a block group and have it answered."""
        row = self._read(request)
        self._loaded_model()
        return self._coalescer.submit(row, caller)

    def _begin_of_stream(self, request: StreamPredictRequest, caller: Caller) -> _Begun:
        try:
            self._log.check()
            return self._begin(request, caller._replace(arrived=time.perf_counter(), span=None))
        except RequestError as error:
            return error

    async def _finish_of_stream(self, begun: _Begun) -> StreamPredictResponse:
        if isinstance(begun, RequestError):
            return StreamPredictResponse(error=status_from_error(begun))
        try:
            answers, position = await begun
        except ModelFailed as error:
            return StreamPredictResponse(error=status_from_error(error))
        return StreamPredictResponse(prediction=answers.response(position))

    def _read(self, request: PredictRequest | StreamPredictRequest) -> list[float]:
        row = read_row(request.block_group)
        if row is None:
            raise self._invalid(request)
        return row

    def _invalid(self, message: Message) -> InvalidRequest:
        """Have protovalidate say what is wrong with a message that the rules have refused."""
        try:
            self._validator.check(message)
        except InvalidRequest as error:
            self._runs.observe(self._observer.refused, error)
            return error
        raise RuntimeError(f"the compiled rules refuse a {type(message).__name__} that the contract allows")

    def _batch_predict(self, request: BatchPredictRequest, caller: Caller) -> BatchPredictResponse:
        model, checked = self._loaded_model(), read_rows(request.block_groups)
        partial = request.partial_results
        if not (partial or checked.good.all()):
            error = self._refusals.first(checked)
            self._runs.observe(self._observer.refused, error)
            raise error
        refused = self._refused_rows(checked)
        answers, failed = self._answer_good_rows(model.predictor, checked, caller, partial=partial)
        refused |= failed
        response = BatchPredictResponse(
            model_name=model.description.name,
            model_version=model.description.version,
            predicted_at=timestamp(answers.predicted_at if answers else self._now()),
        )
        if answers is not None:
            answers.fill(response.predictions)
        for index in sorted(refused):
            response.refusals.add(index=index).status.MergeFromString(refused[index])
        return response

    def _answer_good_rows(
        self, model: PriceModel, checked: CheckedRows, caller: Caller, *, partial: bool
    ) -> tuple[Answers | None, dict[int, bytes]]:
        """Answer the good rows of a batch.

        Returns:
            The answers, None when there is none, and the serialized statuses of good rows without one, by index.

        Raises:
            ModelFailed: the model has no answer to a row, and partial results are not asked for.
        """
        good = np.flatnonzero(checked.good)
        if good.size == 0:
            return None, {}
        answers, failures = self._runs.answer(model, checked.rows[good], [caller], whole=not partial)
        failed = {}
        for position, failure in failures.items():
            index = int(good[position])
            error = ModelFailed(failure.reason, path_of(index))
            if not partial:
                raise error
            failed[index] = status_from_error(error).SerializeToString()
        return answers, failed

    def _refused_rows(self, checked: CheckedRows) -> dict[int, bytes]:
        """Refuse the bad rows of a batch; return their serialized statuses by index."""
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
