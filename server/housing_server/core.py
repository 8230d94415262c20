"""Validate, predict, answer: the service without a transport. Messages in, messages out."""

import time
from collections.abc import Callable, Sequence
from typing import Protocol

import numpy as np
import uuid_utils
from google.protobuf.timestamp_pb2 import Timestamp

from housing.contract import row_from_message, warnings_for
from housing.v1.block_group_pb2 import BlockGroup
from housing.v1.model_service_pb2 import GetModelResponse
from housing.v1.model_service_pb2 import Model as ModelDescription
from housing.v1.prediction_service_pb2 import (
    BatchPredictRequest,
    BatchPredictResponse,
    Prediction,
    PredictRequest,
    PredictResponse,
    StreamPredictRequest,
    StreamPredictResponse,
)
from housing_server.errors import InvalidRequest, ModelNotLoaded, RequestError
from housing_server.models import Estimates, Model
from housing_server.status import status_from_error
from housing_server.validation import RequestValidator


class PredictionObserver(Protocol):
    """Who is told what the core did."""

    def predicted(self, model: ModelDescription, estimates: Estimates, seconds: float) -> None:
        """Note that rows were answered by one run of a model that took so many seconds."""

    def refused(self, error: InvalidRequest) -> None:
        """Note that a request broke rules of the contract."""


class PredictionCore:
    """Answers requests with the model that is loaded; its methods may be called from several threads."""

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
        self._observer = observer
        self._validator = RequestValidator()
        self._now = now
        self._new_id = new_id

    def predict(self, request: PredictRequest | StreamPredictRequest) -> PredictResponse:
        """Answer one block group.

        Raises:
            InvalidRequest: it breaks a rule of the contract.
            ModelNotLoaded: there is no model yet.
        """
        model, (row,), estimates = self._estimate(request, [request.block_group])
        return PredictResponse(
            prediction_id=str(self._new_id()),
            median_house_value=estimates.median_house_value.item(0),
            model_name=model.description.name,
            model_version=model.description.version,
            predicted_at=self._timestamp(),
            warnings=warnings_for(row),
        )

    def batch_predict(self, request: BatchPredictRequest) -> BatchPredictResponse:
        """Answer many block groups by one run of the model, in their order.

        Raises:
            InvalidRequest: the batch, or a block group in it, breaks a rule of the contract.
            ModelNotLoaded: there is no model yet.
        """
        model, rows, estimates = self._estimate(request, request.block_groups)
        return BatchPredictResponse(
            predictions=[
                Prediction(prediction_id=str(self._new_id()), median_house_value=value, warnings=warnings_for(row))
                for row, value in zip(rows, estimates.median_house_value.tolist(), strict=True)
            ],
            model_name=model.description.name,
            model_version=model.description.version,
            predicted_at=self._timestamp(),
        )

    def stream_predict(self, request: StreamPredictRequest) -> StreamPredictResponse:
        """Answer one message of a stream: its prediction, or what is wrong with it."""
        try:
            return StreamPredictResponse(prediction=self.predict(request))
        except RequestError as error:
            return StreamPredictResponse(error=status_from_error(error))

    def get_model(self) -> GetModelResponse:
        """Describe the loaded model.

        Raises:
            ModelNotLoaded: there is none yet.
        """
        return GetModelResponse(model=self._loaded_model().description)

    def _estimate(
        self, request: PredictRequest | BatchPredictRequest | StreamPredictRequest, block_groups: Sequence[BlockGroup]
    ) -> tuple[Model, list[list[float]], Estimates]:
        try:
            self._validator.check(request)
        except InvalidRequest as error:
            self._observer.refused(error)
            raise
        model = self._loaded_model()
        rows = [row_from_message(block_group) for block_group in block_groups]
        started = time.perf_counter()
        estimates = model.estimate(np.array(rows))
        self._observer.predicted(model.description, estimates, time.perf_counter() - started)
        return model, rows, estimates

    def _loaded_model(self) -> Model:
        if self.model is None:
            raise ModelNotLoaded
        return self.model

    def _timestamp(self) -> Timestamp:
        seconds, nanos = divmod(self._now(), 1_000_000_000)
        return Timestamp(seconds=seconds, nanos=nanos)
