"""A server that does nothing: the transport's limit. `python -m housing_benchmarks.reference.no_op PORT`.

It parses the request and returns the same message every time, as large as a real one.
"""

# The contract names the methods of a servicer, and passes requests even where they are not read.
# pylint: disable=invalid-overridden-method
# ruff: noqa: N802, D102, ARG002

import sys
from collections.abc import AsyncIterator
from typing import Any

from google.protobuf.timestamp_pb2 import Timestamp
from grpc import aio

from housing.v1.prediction_service_pb2 import (
    BatchPredictRequest,
    BatchPredictResponse,
    Prediction,
    PredictionInterval,
    PredictRequest,
    PredictResponse,
    StreamPredictRequest,
    StreamPredictResponse,
)
from housing.v1.prediction_service_pb2_grpc import PredictionServiceServicer
from housing_benchmarks.reference.listening import listen

ANSWER = PredictResponse(
    prediction_id="01a208b1-63aa-75a4-9a77-ded8b73aecd4",
    median_house_value=409_757.09,
    interval=PredictionInterval(lower=341_204.5, upper=500_001.0, coverage=0.9, upper_open=True),
    model_name="california-housing",
    model_version="1",
    predicted_at=Timestamp(seconds=1_800_000_000, nanos=123_456_789),
)
"""What it answers."""
_PREDICTION = Prediction(
    prediction_id=ANSWER.prediction_id,
    median_house_value=ANSWER.median_house_value,
    interval=ANSWER.interval,
)
_STREAM_ANSWER = StreamPredictResponse(prediction=ANSWER)

Context = aio.ServicerContext[Any, Any]


class NoOpServicer(PredictionServiceServicer):
    """PredictionService without predictions."""

    async def Predict(self, request: PredictRequest, context: Context) -> PredictResponse:
        return ANSWER

    async def BatchPredict(self, request: BatchPredictRequest, context: Context) -> BatchPredictResponse:
        return BatchPredictResponse(predictions=[_PREDICTION] * len(request.block_groups))

    async def StreamPredict(
        self, request_iterator: AsyncIterator[StreamPredictRequest], context: Context
    ) -> AsyncIterator[StreamPredictResponse]:
        async for _ in request_iterator:
            yield _STREAM_ANSWER


if __name__ == "__main__":
    listen(NoOpServicer(), int(sys.argv[1]))
