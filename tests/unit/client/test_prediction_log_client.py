"""The clients' methods about the record of answers, the synchronous ones and their twins."""

from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime, timedelta

import pytest
from google.rpc import code_pb2

from housing.v1 import prediction_log_service_pb2 as log_pb
from housing_client import (
    AsyncPredictionClient,
    BoundingBox,
    InvalidRequestError,
    LiveError,
    LoggedInterval,
    NotFoundError,
    Outcome,
    PredictionClient,
    PredictionFilter,
    PriceStats,
    ServiceError,
)
from unit.client.fake_prediction_log import LATE_ID, START, UNKNOWN_ID, FakePredictionLog, logged
from unit.client.fake_prediction_service import BERKELEY, failed


@pytest.fixture
def client(log_target: str) -> Iterator[PredictionClient]:
    """The synchronous client."""
    with PredictionClient(log_target) as opened:
        yield opened


@pytest.fixture
async def twin(log_target: str) -> AsyncIterator[AsyncPredictionClient]:
    """The asynchronous client."""
    async with AsyncPredictionClient(log_target) as opened:
        yield opened


async def test_every_page_is_read(
    log: FakePredictionLog, client: PredictionClient, twin: AsyncPredictionClient
) -> None:
    """The newest first, and no page before it is needed."""
    log.predictions = [logged(number) for number in range(7)]
    expected = [f"id-{number}" for number in reversed(range(7))]
    assert [each.prediction_id for each in client.logged_predictions(page_size=3)] == expected
    assert len(log.asked) == 3
    assert [each.prediction_id async for each in twin.logged_predictions(page_size=3)] == expected
    log.asked.clear()
    assert next(iter(client.logged_predictions(page_size=3))).prediction_id == "id-6"
    assert len(log.asked) == 1


def test_prediction_comes_back_as_plain_values(log: FakePredictionLog, client: PredictionClient) -> None:
    """With interval, warnings and outcome where there are such, and without them where there are none."""
    log.predictions = [logged(0), logged(1)]
    second, first = client.logged_predictions()
    assert second.predicted_at == START + timedelta(seconds=1)
    assert second.block_group == BERKELEY
    assert second.interval == LoggedInterval(lower=90_000, upper=110_000, upper_open=True)
    assert second.warnings == ("CROWDED", "FAR_FROM_DATA")
    assert second.outcome == Outcome(median_house_value=95_000, recorded_at=START + timedelta(days=1), revised_at=None)
    assert (first.interval, first.warnings, first.outcome) == (None, (), None)


def test_filter_is_sent_whole(log: FakePredictionLog, client: PredictionClient) -> None:
    """What is None is left out, and zero and False are not."""
    wanted = PredictionFilter(
        start_time=START,
        end_time=START + timedelta(hours=1),
        model_version="7",
        min_median_house_value=0,
        max_median_house_value=5,
        bounding_box=BoundingBox(west=-123, south=37, east=-122, north=38),
        has_outcome=False,
    )
    assert not list(client.logged_predictions(wanted))
    assert not list(client.logged_predictions())
    expected = log_pb.ListPredictionsRequest(
        model_version="7",
        min_median_house_value=0,
        max_median_house_value=5,
        bounding_box=log_pb.BoundingBox(west=-123, south=37, east=-122, north=38),
        has_outcome=False,
        page_size=1000,
    )
    expected.start_time.FromDatetime(START)
    expected.end_time.FromDatetime(START + timedelta(hours=1))
    assert log.asked == [expected, log_pb.ListPredictionsRequest(page_size=1000)]


def test_time_without_zone_is_refused(client: PredictionClient) -> None:
    """Whose time it is cannot be guessed."""
    with pytest.raises(ValueError, match="has no time zone"):
        next(iter(client.logged_predictions(PredictionFilter(start_time=START.replace(tzinfo=None)))))


async def test_one_prediction_is_told(
    log: FakePredictionLog, client: PredictionClient, twin: AsyncPredictionClient
) -> None:
    """By its id; one that is not on record is an error of its own."""
    log.predictions = [logged(0), logged(1)]
    assert client.logged_prediction("id-1").median_house_value == 100_001.5
    assert await twin.logged_prediction("id-1") == client.logged_prediction("id-1")
    with pytest.raises(NotFoundError):
        client.logged_prediction("id-2")
    with pytest.raises(NotFoundError):
        await twin.logged_prediction("id-2")


async def test_statistics_come_back_as_plain_values(
    log: FakePredictionLog, client: PredictionClient, twin: AsyncPredictionClient
) -> None:
    """An error of zero is not the same as none."""
    found = client.prediction_stats(start_time=START, model_version="7", period="day")
    assert found == await twin.prediction_stats(start_time=START, model_version="7", period="day")
    assert log.asked[0] == log.asked[1]
    assert isinstance(log.asked[0], log_pb.GetPredictionStatsRequest)
    assert log.asked[0].period == log_pb.STATS_PERIOD_DAY
    assert log.asked[0].model_version == "7"
    assert (found.start_time, found.end_time) == (START, START + timedelta(days=1))
    sixth, seventh = found.model_versions
    assert sixth.error is None
    assert seventh.error == LiveError(
        outcomes=2, mean_absolute_error=4, root_mean_squared_error=5, bias=-3, interval_coverage=0
    )
    assert seventh.prices == PriceStats(count=3, mean=2, p5=1, p50=2, p95=3)
    assert [(each.start_time, each.model_version) for each in found.periods] == [(START, "7")]


def test_period_must_be_one(client: PredictionClient) -> None:
    """A misspelt one is not taken for the default."""
    with pytest.raises(ValueError, match="STATS_PERIOD_WEEK"):
        client.prediction_stats(period="week")


async def test_outcomes_are_recorded_and_reported(
    log: FakePredictionLog, client: PredictionClient, twin: AsyncPredictionClient
) -> None:
    """Each by what became of it, in the order given."""
    given = {"id-0": 5.0, LATE_ID: 5.0, UNKNOWN_ID: 5.0}
    results = [each.result for each in client.record_outcomes(given)]
    assert results == ["recorded", "late", "unknown"]
    again = [(each.prediction_id, each.result) for each in await twin.record_outcomes([("id-0", 5.0), ("id-0", 6.0)])]
    assert again == [("id-0", "unchanged"), ("id-0", "revised")]
    assert log.true_prices == {"id-0": 6.0}


def test_many_outcomes_are_sent_in_legal_requests(log: FakePredictionLog, client: PredictionClient) -> None:
    """As large as the contract allows, and violations are counted through."""
    given = [(f"id-{number}", 5.0) for number in range(10_002)]
    assert len(client.record_outcomes(given)) == 10_002
    assert log.outcome_calls == [10_000, 2]
    with pytest.raises(InvalidRequestError) as raised:
        client.record_outcomes([*given, ("id-0", -1.0)])
    assert [violation.field for violation in raised.value.violations] == ["outcomes[10002].median_house_value"]


def test_failure_while_paging_is_raised(log: FakePredictionLog, client: PredictionClient) -> None:
    """What was listed before it has been handed out."""
    log.predictions = [logged(number) for number in range(3)]
    log.failures = [failed(code_pb2.INTERNAL, "broken")]
    listing = iter(client.logged_predictions(page_size=2))
    assert [next(listing).prediction_id, next(listing).prediction_id] == ["id-2", "id-1"]
    with pytest.raises(ServiceError):
        next(listing)


def test_moments_are_utc(log: FakePredictionLog, client: PredictionClient) -> None:
    """Aware, so that they can be compared with others."""
    log.predictions = [logged(0)]
    (found,) = client.logged_predictions()
    assert found.predicted_at.tzinfo is UTC
    assert found.predicted_at < datetime.now(UTC)
