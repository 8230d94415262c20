"""Reading a service through the client library, over real gRPC."""

import math
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from housing.v1.prediction_log_service_pb2 import LiveError, ModelVersionStats
from housing_client import AsyncPredictionClient
from housing_monitoring.errors import ServiceFailed
from housing_monitoring.grpc_service import GrpcService
from housing_monitoring.results import LiveQuality, TrainingQuality
from unit.monitoring.fake_grpc_service import PAGE, Answers, serving
from unit.monitoring.watched import NOW, predictions, profile, without

NAME = "california-housing"


@asynccontextmanager
async def reading(answers: Answers) -> AsyncIterator[GrpcService]:
    """Serve answers, and read them."""
    async with serving(answers) as target, AsyncPredictionClient(target) as client:
        yield GrpcService(client)


async def test_model_is_described() -> None:
    """Version and profile are the service's, and what training measured is among the model's metrics."""
    async with reading(Answers(profile=profile())) as service:
        model = await service.model()
    assert (model.name, model.profile) == (NAME, profile())
    assert model.training == TrainingQuality(
        model_version="3", mean_absolute_error=26_000, root_mean_squared_error=41_000, interval_coverage=None
    )


async def test_profile_is_asked_for_once_a_version() -> None:
    """A profile belongs to its version for good."""
    answers = Answers(profile=profile())
    async with reading(answers) as service:
        await service.model()
        await service.model()
        answers.version = "4"
        await service.model()
    assert answers.calls == ["GetModel", "GetModelProfile", "GetModel", "GetModel", "GetModelProfile"]


async def test_a_model_may_have_no_profile() -> None:
    """NOT_FOUND is an answer, and is remembered."""
    answers = Answers()
    async with reading(answers) as service:
        assert (await service.model()).profile is None
        assert (await service.model()).profile is None
    assert answers.calls.count("GetModelProfile") == 1


async def test_log_is_read_page_by_page() -> None:
    """Every prediction since a time comes once, newest first, as it was asked and answered."""
    log = predictions(2 * PAGE + 5)
    log[1] = without(log[1], "ocean_proximity")
    answers = Answers(log=log)
    async with reading(answers) as service:
        read = [each async for each in service.newest_first(log[-2].predicted_at)]
    assert [each.prediction_id for each in read] == [each.prediction_id for each in log[:-1]]
    assert read[0] == log[0]
    assert math.isnan(read[1].row[-1])
    assert answers.calls == ["ListPredictions"] * 3


async def test_no_more_pages_are_read_than_needed() -> None:
    """Whoever stops listening is sent no further pages."""
    answers = Answers(log=predictions(5 * PAGE))
    async with reading(answers) as service:
        async for _ in service.newest_first(NOW - 1000):
            break
    assert answers.calls == ["ListPredictions"]


async def test_live_quality_is_by_version() -> None:
    """Versions of another model are left out."""
    error = LiveError(outcomes=7, mean_absolute_error=1, root_mean_squared_error=2, bias=-0.5, interval_coverage=0.0)
    stats = [
        ModelVersionStats(model_name=NAME, model_version="3", error=error),
        ModelVersionStats(model_name="other", model_version="3", error=error),
    ]
    async with reading(Answers(model_versions=stats)) as service:
        assert await service.live_quality(NAME) == [
            LiveQuality(
                model_version="3",
                outcomes=7,
                mean_absolute_error=1,
                root_mean_squared_error=2,
                bias=-0.5,
                interval_coverage=0,
            ),
        ]


async def test_a_service_that_is_not_there_is_named() -> None:
    """The error says where nothing answers and which settings move it."""
    async with serving(Answers()) as target:
        pass
    async with AsyncPredictionClient(target) as client:
        with pytest.raises(ServiceFailed, match=r"127\.0\.0\.1:\d+ fails \(UNAVAILABLE.*HOUSING_GRPC_PORT"):
            await GrpcService(client).model()
