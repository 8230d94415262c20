"""gRPC and ONNX Runtime by hand. `python -m housing_benchmarks.reference.bare_onnx PORT GRAPH`.

The fastest simple server: it trusts every request, has no ids, no metrics and no log.
"""

# The contract names the methods of a servicer.
# pylint: disable=invalid-overridden-method
# ruff: noqa: N802, D102, ARG002

import sys
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
from grpc import aio

from housing.features import FEATURES
from housing.v1.block_group_pb2 import BlockGroup
from housing.v1.prediction_service_pb2 import (
    BatchPredictRequest,
    BatchPredictResponse,
    Prediction,
    PredictRequest,
    PredictResponse,
    StreamPredictRequest,
    StreamPredictResponse,
)
from housing.v1.prediction_service_pb2_grpc import PredictionServiceServicer
from housing_benchmarks.reference.listening import listen

Context = aio.ServicerContext[Any, Any]

_CODES = {choice: float(code) for code, choice in enumerate(FEATURES[-1].choices)}


def load_graph(graph: Path) -> onnxruntime.InferenceSession:
    """Load a graph to run on the calling thread only."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    return onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])


class BareServicer(PredictionServiceServicer):
    """PredictionService, predictions only."""

    def __init__(self, session: onnxruntime.InferenceSession) -> None:
        self._session = session

    async def Predict(self, request: PredictRequest, context: Context) -> PredictResponse:
        return self._answer(request.block_group)

    async def BatchPredict(self, request: BatchPredictRequest, context: Context) -> BatchPredictResponse:
        prices = self._prices(request.block_groups)
        return BatchPredictResponse(predictions=[Prediction(median_house_value=price) for price in prices])

    async def StreamPredict(
        self, request_iterator: AsyncIterator[StreamPredictRequest], context: Context
    ) -> AsyncIterator[StreamPredictResponse]:
        async for request in request_iterator:
            yield StreamPredictResponse(prediction=self._answer(request.block_group))

    def _answer(self, block_group: BlockGroup) -> PredictResponse:
        return PredictResponse(median_house_value=self._prices([block_group])[0])

    def _prices(self, block_groups: Sequence[BlockGroup]) -> list[float]:
        rows = np.array([_row(block_group) for block_group in block_groups])
        prices = self._session.run(["median_house_value"], {"block_groups": rows})[0]
        return [float(price) for price in prices]


def _row(block: BlockGroup) -> tuple[float, ...]:
    return (
        block.longitude,
        block.latitude,
        block.housing_median_age,
        block.total_rooms,
        block.total_bedrooms,
        block.population,
        block.households,
        block.median_income,
        _CODES[block.ocean_proximity],
    )


if __name__ == "__main__":
    listen(BareServicer(load_graph(Path(sys.argv[2]))), int(sys.argv[1]))
