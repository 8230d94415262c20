"""The service through the client library."""

from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

from housing.rows import message_from_mapping, row_from_message
from housing.v1.model_profile_pb2 import ModelProfile
from housing_client import (
    AsyncPredictionClient,
    Deadlines,
    HousingError,
    LiveError,
    LoggedPrediction,
    Model,
    NotFoundError,
    PredictionFilter,
    Retries,
)
from housing_monitoring.errors import ServiceFailed
from housing_monitoring.results import LiveQuality, TrainingQuality
from housing_monitoring.service import ServedModel
from housing_monitoring.window import LoggedPrediction as WindowPrediction

DEADLINES = Deadlines(describe=30.0, log=30.0)
"""Deadlines of the monitor's calls, which no user waits for."""

_OUTCOMES_AGE = timedelta(days=30)
"""As far back as errors are counted."""

ONCE = Retries(attempts=1)
"""The monitor checks periodically, so a failed call is reported at once instead of retried."""


class GrpcService:
    """A WatchedService behind a client."""

    def __init__(self, client: AsyncPredictionClient) -> None:
        """Create the adapter; nothing is called yet.

        Args:
            client: calls the service; the caller closes it.
        """
        self._client = client
        self._profile_of: str | None = None
        self._profile: ModelProfile | None = None

    async def model(self) -> ServedModel:
        """Describe the served model; its profile is fetched once per version."""
        with self._failures():
            model = await self._client.model()
            if self._profile_of != model.version:
                self._profile = await self._fetch_profile()
                self._profile_of = model.version
        return ServedModel(name=model.name, training=_training(model), profile=self._profile)

    async def newest_first(self, since: float) -> AsyncIterator[WindowPrediction]:
        """Yield the prediction log backwards, page by page, to a time in seconds since the epoch."""
        wanted = PredictionFilter(start_time=datetime.fromtimestamp(since, UTC))
        with self._failures():
            async for logged in self._client.logged_predictions(wanted):
                yield _prediction(logged)

    async def with_outcomes(self, model_version: str, rows: int) -> Sequence[WindowPrediction]:
        """Return the newest predictions of a version with a true price, at most so many, of the last 30 days."""
        since = datetime.now(UTC) - _OUTCOMES_AGE
        wanted = PredictionFilter(model_version=model_version, has_outcome=True, start_time=since)
        found: list[WindowPrediction] = []
        with self._failures():
            async for logged in self._client.logged_predictions(wanted):
                found.append(_prediction(logged))
                if len(found) >= rows:
                    break
        return found

    async def live_quality(self, model_name: str) -> Sequence[LiveQuality]:
        """Return the errors of the last 30 days, by version."""
        with self._failures():  # by day, since statistics by hour cover the last day only
            stats = await self._client.prediction_stats(period="day", errors_only=True)
        return [
            _quality(version.model_version, version.error)
            for version in stats.model_versions
            if version.model_name == model_name and version.error is not None
        ]

    async def _fetch_profile(self) -> ModelProfile | None:
        try:
            return (await self._client.model_profile()).profile
        except NotFoundError:
            return None

    @contextmanager
    def _failures(self) -> Iterator[None]:
        try:
            yield
        except HousingError as error:
            raise ServiceFailed(
                f"the service at {self._client.target} fails ({error.code.name}: {error}); is it running, and are "
                "HOUSING_GRPC_HOST and HOUSING_GRPC_PORT right?"
            ) from error


def _training(model: Model) -> TrainingQuality:
    return TrainingQuality(
        model_version=model.version,
        mean_absolute_error=model.metrics.get("test_mae"),
        root_mean_squared_error=model.metrics.get("test_rmse"),
        interval_coverage=model.metrics.get("interval_coverage"),
    )


def _prediction(logged: LoggedPrediction) -> WindowPrediction:
    interval = logged.interval
    return WindowPrediction(
        prediction_id=logged.prediction_id,
        predicted_at=logged.predicted_at.timestamp(),
        model_version=logged.model_version,
        row=tuple(row_from_message(message_from_mapping(logged.block_group))),
        median_house_value=logged.median_house_value,
        interval=(interval.lower, interval.upper, interval.upper_open) if interval else None,
        warnings=logged.warnings,
        true_price=logged.outcome.median_house_value if logged.outcome else None,
    )


def _quality(model_version: str, error: LiveError) -> LiveQuality:
    return LiveQuality(
        model_version=model_version,
        outcomes=error.outcomes,
        mean_absolute_error=error.mean_absolute_error,
        root_mean_squared_error=error.root_mean_squared_error,
        bias=error.bias,
        interval_coverage=error.interval_coverage,
    )
