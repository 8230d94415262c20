"""The service as the contract's stubs reach it."""

from collections.abc import AsyncIterator, Awaitable, Sequence
from typing import TypeVar

import grpc

from housing.contract import row_from_message
from housing.v1 import prediction_log_service_pb2
from housing.v1.model_profile_pb2 import ModelProfile
from housing.v1.model_service_pb2 import GetModelProfileRequest, GetModelRequest, Model
from housing.v1.model_service_pb2_grpc import ModelServiceStub
from housing.v1.prediction_log_service_pb2 import GetPredictionStatsRequest, ListPredictionsRequest, ModelVersionStats
from housing.v1.prediction_log_service_pb2_grpc import PredictionLogServiceStub
from housing_monitoring.errors import ServiceFailed
from housing_monitoring.results import LiveQuality, TrainingQuality
from housing_monitoring.service import ServedModel
from housing_monitoring.window import LoggedPrediction

_CALL_SECONDS = 30.0
_PAGE_ROWS = 1000

_Answer = TypeVar("_Answer")


class GrpcService:
    """A WatchedService behind a gRPC channel."""

    def __init__(self, channel: grpc.aio.Channel, target: str) -> None:
        """Ask nothing yet.

        Args:
            channel: a connection to the service, which stays the caller's to close.
            target: where it leads, for messages.
        """
        self._models = ModelServiceStub(channel)
        self._log = PredictionLogServiceStub(channel)
        self._target = target
        self._profile_of: str | None = None
        self._profile: ModelProfile | None = None

    async def model(self) -> ServedModel:
        """Describe the model that is served now; its profile is asked for once a version."""
        model = (await self._answer(self._models.GetModel(GetModelRequest(), timeout=_CALL_SECONDS))).model
        if self._profile_of != model.version:
            self._profile = await self._ask_for_profile()
            self._profile_of = model.version
        return ServedModel(name=model.name, training=_training(model), profile=self._profile)

    async def newest_first(self, since: float) -> AsyncIterator[LoggedPrediction]:
        """Read the prediction log backwards, page by page, to a time in seconds since the epoch."""
        request = ListPredictionsRequest(page_size=_PAGE_ROWS)
        request.start_time.FromMicroseconds(int(since * 1e6))
        while True:
            page = await self._answer(self._log.ListPredictions(request, timeout=_CALL_SECONDS))
            for logged in page.predictions:
                yield _prediction(logged)
            if not page.next_page_token:
                return
            request.page_token = page.next_page_token

    async def live_quality(self, model_name: str) -> Sequence[LiveQuality]:
        """Tell how good the answers of the last 30 days were, by version."""
        # Of days: hours are told of the last day only.
        period = prediction_log_service_pb2.STATS_PERIOD_DAY
        request = GetPredictionStatsRequest(period=period, errors_only=True)
        stats = await self._answer(self._log.GetPredictionStats(request, timeout=_CALL_SECONDS))
        return [_quality(version) for version in stats.model_versions if version.model_name == model_name]

    async def _ask_for_profile(self) -> ModelProfile | None:
        try:
            answer = await self._models.GetModelProfile(GetModelProfileRequest(), timeout=_CALL_SECONDS)
        except grpc.aio.AioRpcError as error:
            if error.code() is grpc.StatusCode.NOT_FOUND:
                return None
            raise self._failure(error) from error
        return answer.profile

    async def _answer(self, call: Awaitable[_Answer]) -> _Answer:
        try:
            return await call
        except grpc.aio.AioRpcError as error:
            raise self._failure(error) from error

    def _failure(self, error: grpc.aio.AioRpcError) -> ServiceFailed:
        return ServiceFailed(
            f"the service at {self._target} fails ({error.code().name}: {error.details()}); is it running, and are "
            "HOUSING_GRPC_HOST and HOUSING_GRPC_PORT right?"
        )


def _training(model: Model) -> TrainingQuality:
    return TrainingQuality(
        model_version=model.version,
        mean_absolute_error=model.metrics.get("test_mae"),
        root_mean_squared_error=model.metrics.get("test_rmse"),
        interval_coverage=model.metrics.get("interval_coverage"),
    )


def _prediction(logged: prediction_log_service_pb2.LoggedPrediction) -> LoggedPrediction:
    return LoggedPrediction(
        prediction_id=logged.prediction_id,
        predicted_at=logged.predicted_at.ToMicroseconds() / 1e6,
        model_version=logged.model_version,
        row=tuple(row_from_message(logged.block_group)),
        median_house_value=logged.median_house_value,
    )


def _quality(version: ModelVersionStats) -> LiveQuality:
    error = version.error
    return LiveQuality(
        model_version=version.model_version,
        outcomes=error.outcomes,
        mean_absolute_error=error.mean_absolute_error,
        root_mean_squared_error=error.root_mean_squared_error,
        bias=error.bias,
        interval_coverage=error.interval_coverage if error.HasField("interval_coverage") else None,
    )
