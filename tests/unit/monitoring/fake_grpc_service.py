"""A made-up prediction service over real gRPC, in this process."""

# The contract names the methods of a servicer.
# pylint: disable=invalid-overridden-method
# ruff: noqa: N802, ARG002

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import grpc

from housing.rows import message_from_row
from housing.v1 import model_service_pb2, prediction_log_service_pb2
from housing.v1.model_profile_pb2 import ModelProfile
from housing.v1.model_service_pb2_grpc import ModelServiceServicer, add_ModelServiceServicer_to_server
from housing.v1.prediction_log_service_pb2_grpc import (
    PredictionLogServiceServicer,
    add_PredictionLogServiceServicer_to_server,
)
from housing_monitoring.window import LoggedPrediction

Context = grpc.aio.ServicerContext[Any, Any]

PAGE = 10
"""The most predictions that a page holds."""


@dataclass
class Answers:
    """What the service answers with."""

    version: str = "3"
    """Version of the model."""
    profile: ModelProfile | None = None
    """Its profile; None for a model that was registered without one."""
    log: Sequence[LoggedPrediction] = ()
    """The prediction log, newest first."""
    model_versions: Sequence[prediction_log_service_pb2.ModelVersionStats] = ()
    """Statistics by version."""
    calls: list[str] = field(default_factory=list)
    """The methods that were called, in order."""


class ModelServicer(ModelServiceServicer):
    """Describes the model."""

    def __init__(self, answers: Answers) -> None:
        self._answers = answers

    async def GetModel(
        self, request: model_service_pb2.GetModelRequest, context: Context
    ) -> model_service_pb2.GetModelResponse:
        """Describe it."""
        self._answers.calls.append("GetModel")
        model = model_service_pb2.Model(
            name="california-housing", version=self._answers.version, metrics={"test_mae": 26_000, "test_rmse": 41_000}
        )
        return model_service_pb2.GetModelResponse(model=model)

    async def GetModelProfile(
        self, request: model_service_pb2.GetModelProfileRequest, context: Context
    ) -> model_service_pb2.GetModelProfileResponse:
        """Return its profile, if it has one."""
        self._answers.calls.append("GetModelProfile")
        if self._answers.profile is None:
            await context.abort(grpc.StatusCode.NOT_FOUND, "the model has no profile")
        return model_service_pb2.GetModelProfileResponse(
            model_version=self._answers.version, profile=self._answers.profile
        )

    async def GetModelCard(
        self, request: model_service_pb2.GetModelCardRequest, context: Context
    ) -> model_service_pb2.GetModelCardResponse:
        """Never asked."""
        raise NotImplementedError


class LogServicer(PredictionLogServiceServicer):
    """Reads the log; a page token is the number of the prediction to go on with."""

    def __init__(self, answers: Answers) -> None:
        self._answers = answers

    async def ListPredictions(
        self, request: prediction_log_service_pb2.ListPredictionsRequest, context: Context
    ) -> prediction_log_service_pb2.ListPredictionsResponse:
        """List a page of predictions, not older than asked for."""
        self._answers.calls.append("ListPredictions")
        since = request.start_time.ToMicroseconds() / 1e6
        listed = [_logged(each) for each in self._answers.log if each.predicted_at >= since]
        begin = int(request.page_token or 0)
        end = begin + PAGE
        return prediction_log_service_pb2.ListPredictionsResponse(
            predictions=listed[begin:end], next_page_token=str(end) if end < len(listed) else ""
        )

    async def GetPrediction(
        self, request: prediction_log_service_pb2.GetPredictionRequest, context: Context
    ) -> prediction_log_service_pb2.GetPredictionResponse:
        """Never asked."""
        raise NotImplementedError

    async def GetPredictionStats(
        self, request: prediction_log_service_pb2.GetPredictionStatsRequest, context: Context
    ) -> prediction_log_service_pb2.GetPredictionStatsResponse:
        """Return the statistics."""
        self._answers.calls.append("GetPredictionStats")
        return prediction_log_service_pb2.GetPredictionStatsResponse(model_versions=self._answers.model_versions)


@asynccontextmanager
async def serving(answers: Answers) -> AsyncIterator[str]:
    """Serve on a free port until the end of the block; yield where."""
    server = grpc.aio.server()
    model = ModelServicer(answers)  # type: ignore[abstract]  # what it lacks answers UNIMPLEMENTED
    add_ModelServiceServicer_to_server(model, server)
    add_PredictionLogServiceServicer_to_server(LogServicer(answers), server)
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    try:
        yield f"127.0.0.1:{port}"
    finally:
        await server.stop(None)


def _logged(prediction: LoggedPrediction) -> prediction_log_service_pb2.LoggedPrediction:
    logged = prediction_log_service_pb2.LoggedPrediction(
        prediction_id=prediction.prediction_id,
        model_version=prediction.model_version,
        block_group=message_from_row(prediction.row),
        median_house_value=prediction.median_house_value,
    )
    logged.predicted_at.FromMicroseconds(round(prediction.predicted_at * 1e6))
    return logged
