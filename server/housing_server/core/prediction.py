"""Validate, predict, answer: the service without a transport. Messages in, messages out."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple, Protocol, TypeAlias

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
    Refusal,
    StreamPredictRequest,
    StreamPredictResponse,
)
from housing_server.core.admission import Admission
from housing_server.core.answers import Answers, timestamp
from housing_server.core.callers import Caller
from housing_server.core.coalescing import Answer, Coalescer
from housing_server.core.model import Model, Rows
from housing_server.core.pipelining import Pipeline
from housing_server.core.rows import CheckedRows, read_row, read_rows
from housing_server.core.status import status_from_error
from housing_server.core.validation import RequestValidator
from housing_server.errors import InvalidRequest, ModelCardNotFound, ModelNotLoaded, ModelProfileNotFound, RequestError

_INLINE_ROWS = 64
"""Larger batches run on a thread: they would keep other calls waiting for longer than a thread costs."""

_BATCH_THREADS = 2
"""Batches that are computed at once: a worker has about one processor, and more threads would only keep its event loop
from getting its turn; with two a small batch need not wait for a large one."""

STREAM_WINDOW = 128
"""Messages of a stream that are under way at once: enough to share runs of the model, little to hold."""


class RunTimes(NamedTuple):
    """Where the time of a run went, in seconds."""

    queue: float
    """From the arrival of its first row to its start."""
    inference: float
    """In the model."""
    append: float
    """Putting the answers on record."""


class PredictionObserver(Protocol):
    """Who is told what the core did."""

    def predicted(self, answers: Answers, times: RunTimes) -> None:
        """Note that rows were answered by one run of a model; from any thread."""

    def refused(self, error: InvalidRequest) -> None:
        """Note that a request, or a part of it, broke rules of the contract; from any thread."""


class PredictionLog(Protocol):
    """Where answers go on record."""

    inline: bool
    """Whether an append is so quick that it may be made on the event loop."""

    def check(self) -> None:
        """Return at once if answers are likely to be put on record; from the event loop.

        Raises:
            PredictionLogUnavailable: they are not: a call need not be computed.
        """

    def probe(self) -> None:
        """Try whether answers can be put on record, which may take a moment; from any thread.

        Raises:
            PredictionLogUnavailable: they cannot.
        """

    def append(self, answers: Answers) -> None:
        """Put answers on record, for good once it returns; from any thread.

        Raises:
            PredictionLogUnavailable: it cannot be done; then nobody may hear the answers.
        """


_Begun: TypeAlias = "asyncio.Future[Answer] | RequestError"
"""An answer under way, or why there will be none."""


class PredictionCore:
    """Answers requests with the model that is loaded, on an event loop."""

    def __init__(
        self,
        observer: PredictionObserver,
        log: PredictionLog,
        admission: Admission,
        *,
        now: Callable[[], int] = time.time_ns,
        new_id: Callable[[], object] = uuid_utils.uuid7,
    ) -> None:
        """Make a core without a model.

        Args:
            observer: is told of every answer and refusal.
            log: where every answer goes on record.
            admission: bounds what is under way.
            now: the time, in nanoseconds since the epoch.
            new_id: a new prediction id, unique for good.
        """
        self.model: Model | None = None
        """The model that answers from the next run on; may be replaced at any time."""
        self._observer = observer
        self._log = log
        self._admission = admission
        self._validator = RequestValidator()
        self._coalescer = Coalescer(self._loaded_model, self._run, inline=log.inline)
        self._batches = ThreadPoolExecutor(_BATCH_THREADS, thread_name_prefix="batch")
        self._now = now
        self._new_id = new_id

    async def predict(self, request: PredictRequest, caller: Caller) -> PredictResponse:
        """Answer one block group.

        Raises:
            InvalidRequest: it breaks a rule of the contract.
            ModelNotLoaded: there is no model yet.
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
            Overloaded: there is too much under way.
            PredictionLogUnavailable: the answers cannot be put on record.
        """
        self._log.check()
        count = len(request.block_groups)
        with self._admission.admit(count, seconds_left=caller.seconds_left()):
            if count <= _INLINE_ROWS and self._inline:
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
        """Tell what inputs and answers of the loaded model looked like when it was made.

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
        """Give the loaded model's card.

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
        return self._log.inline and (self.model is None or self.model.inline)

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
        answers, position = await begun
        return StreamPredictResponse(prediction=answers.response(position))

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

    def _batch_predict(self, request: BatchPredictRequest, caller: Caller) -> BatchPredictResponse:
        if len(request.block_groups) not in BATCH_SIZES:
            raise self._invalid(request)
        model, checked = self._loaded_model(), read_rows(request.block_groups)
        if not (request.partial_results or checked.good.all()):
            raise self._invalid(request)
        answers = self._run(model, checked.rows[checked.good], [caller]) if checked.good.any() else None
        response = BatchPredictResponse(
            refusals=self._refusals(request, checked),
            model_name=model.description.name,
            model_version=model.description.version,
            predicted_at=timestamp(answers.predicted_at if answers else self._now()),
        )
        if answers is not None:
            answers.fill(response.predictions)
        return response

    def _refusals(self, request: BatchPredictRequest, checked: CheckedRows) -> Iterator[Refusal]:
        for index in np.flatnonzero(~checked.good).tolist():
            error = self._invalid(request.block_groups[index], f"block_groups[{index}]")
            yield Refusal(index=index, status=status_from_error(error))

    def _run(self, model: Model, rows: Rows | Sequence[list[float]], callers: Sequence[Caller]) -> Answers:
        """Answer rows by one run of a model, and put the answers on record."""
        rows = np.asarray(rows)
        started = time.perf_counter()
        estimates = model.estimate(rows)
        answered = time.perf_counter()
        answers = Answers(
            model=model,
            rows=rows,
            estimates=estimates,
            prediction_ids=[str(self._new_id()) for _ in range(len(rows))],
            predicted_at=self._now(),
            latency_seconds=[answered - caller.arrived for caller in callers],
            callers=callers,
        )
        self._log.append(answers)
        times = RunTimes(
            queue=started - callers[0].arrived, inference=answered - started, append=time.perf_counter() - answered
        )
        self._observer.predicted(answers, times)
        return answers

    def _loaded_model(self) -> Model:
        if self.model is None:
            raise ModelNotLoaded
        return self.model
