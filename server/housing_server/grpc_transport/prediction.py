"""The gRPC services: a thin skin that hands messages to the core."""

# The contract names and documents the methods of a servicer, and gives them requests even where these are empty.
# pylint: disable=invalid-name,invalid-overridden-method,unused-argument
# ruff: noqa: N802, D102, ARG002

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from typing import TYPE_CHECKING, Any

import grpc
from grpc import aio

from housing.contract import SERVICES
from housing.v1 import model_service_pb2, prediction_service_pb2, status_service_pb2
from housing.v1.model_service_pb2_grpc import ModelServiceServicer
from housing.v1.prediction_service_pb2_grpc import PredictionServiceServicer, add_PredictionServiceServicer_to_server
from housing.v1.status_service_pb2_grpc import StatusServiceServicer
from housing_server.core.parsing import request_parser
from housing_server.grpc_transport.call import Call, Method

if TYPE_CHECKING:
    from housing_server.core.prediction import PredictionCore

    Context = aio.ServicerContext[Any, Any]
    CallFactory = Callable[[Method, Context], Call]

_PREDICTION, _MODEL, _STATUS, *_ = SERVICES

_PREDICT = Method(kind="unary", service=_PREDICTION, name="Predict")
_BATCH_PREDICT = Method(kind="unary", service=_PREDICTION, name="BatchPredict")
_STREAM_PREDICT = Method(kind="bidi_stream", service=_PREDICTION, name="StreamPredict")
_GET_MODEL = Method(kind="unary", service=_MODEL, name="GetModel")
_GET_MODEL_PROFILE = Method(kind="unary", service=_MODEL, name="GetModelProfile")
_GET_MODEL_CARD = Method(kind="unary", service=_MODEL, name="GetModelCard")
_GET_STATUS = Method(kind="unary", service=_STATUS, name="GetStatus")


class PredictionServicer(PredictionServiceServicer):
    """PredictionService over grpc.aio."""

    def __init__(self, core: PredictionCore, call: CallFactory) -> None:
        self._core = core
        self._call = call

    async def Predict(
        self, request: prediction_service_pb2.PredictRequest, context: Context
    ) -> prediction_service_pb2.PredictResponse:
        async with self._call(_PREDICT, context) as caller:
            return await self._core.predict(request, caller)

    async def BatchPredict(
        self, request: prediction_service_pb2.BatchPredictRequest, context: Context
    ) -> prediction_service_pb2.BatchPredictResponse:
        async with self._call(_BATCH_PREDICT, context) as caller:
            return await self._core.batch_predict(request, caller)

    async def StreamPredict(
        self, request_iterator: AsyncIterator[prediction_service_pb2.StreamPredictRequest], context: Context
    ) -> AsyncIterator[prediction_service_pb2.StreamPredictResponse]:
        async with self._call(_STREAM_PREDICT, context) as caller:
            async for answer in self._core.stream_predict(request_iterator, caller):
                yield answer


def add_prediction_service(servicer: PredictionServicer, server: aio.Server) -> None:
    """Let a server answer PredictionService, without parsing more of a batch than it may hold."""
    batch_predict = grpc.unary_unary_rpc_method_handler(
        servicer.BatchPredict,
        request_deserializer=request_parser(prediction_service_pb2.BatchPredictRequest),
        response_serializer=prediction_service_pb2.BatchPredictResponse.SerializeToString,
    )
    # The first handler of a method is the one that is used.
    first = grpc.method_handlers_generic_handler(_PREDICTION, {_BATCH_PREDICT.name: batch_predict})
    server.add_generic_rpc_handlers((first,))
    add_PredictionServiceServicer_to_server(servicer, server)


class ModelServicer(ModelServiceServicer):
    """ModelService over grpc.aio."""

    def __init__(self, core: PredictionCore, call: CallFactory) -> None:
        self._core = core
        self._call = call

    async def GetModel(
        self, request: model_service_pb2.GetModelRequest, context: Context
    ) -> model_service_pb2.GetModelResponse:
        async with self._call(_GET_MODEL, context):
            return self._core.get_model()

    async def GetModelProfile(
        self, request: model_service_pb2.GetModelProfileRequest, context: Context
    ) -> model_service_pb2.GetModelProfileResponse:
        async with self._call(_GET_MODEL_PROFILE, context):
            return self._core.get_model_profile()

    async def GetModelCard(
        self, request: model_service_pb2.GetModelCardRequest, context: Context
    ) -> model_service_pb2.GetModelCardResponse:
        async with self._call(_GET_MODEL_CARD, context):
            return self._core.get_model_card()


class StatusServicer(StatusServiceServicer):
    """StatusService over grpc.aio: answers what the supervisor reported last, since only it sees every worker."""

    def __init__(self, call: CallFactory) -> None:
        self.status = status_service_pb2.GetStatusResponse(status=status_service_pb2.SERVICE_STATUS_NOT_SERVING)
        self._call = call

    async def GetStatus(
        self, request: status_service_pb2.GetStatusRequest, context: Context
    ) -> status_service_pb2.GetStatusResponse:
        async with self._call(_GET_STATUS, context):
            return self.status
