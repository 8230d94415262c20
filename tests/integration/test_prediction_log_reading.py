"""Listing, measuring and judging predictions on record, on a SQLite file and on a real PostgreSQL."""

import math
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import numpy as np
import pytest
from google.protobuf.timestamp_pb2 import Timestamp

from housing.example import BERKELEY
from housing.rows import message_from_mapping
from housing.v1 import outcome_service_pb2 as outcome_pb
from housing.v1 import prediction_log_service_pb2 as log_pb
from housing_server.errors import InvalidRequest, PredictionNotFound
from housing_server.prediction_log.listing import get_prediction, list_predictions
from housing_server.prediction_log.outcomes import record_outcomes
from housing_server.prediction_log.statistics import get_prediction_stats
from housing_server.prediction_log.store import PredictionStore
from predictions_on_record import START, add, prediction_id, record

NOW = START + timedelta(days=1)

RECORDED, UNCHANGED, REVISED = (
    outcome_pb.OUTCOME_RESULT_RECORDED,
    outcome_pb.OUTCOME_RESULT_UNCHANGED,
    outcome_pb.OUTCOME_RESULT_REVISED,
)
LATE, UNKNOWN = outcome_pb.OUTCOME_RESULT_LATE, outcome_pb.OUTCOME_RESULT_UNKNOWN


def microseconds(moment: datetime) -> int:
    """Count from the epoch."""
    return int(moment.timestamp()) * 1_000_000


def timestamp(moment: datetime) -> Timestamp:
    """Convert a time to a Timestamp."""
    message = Timestamp()
    message.FromDatetime(moment)
    return message


def listed(store: PredictionStore, **filters: Any) -> list[float]:
    """The numbers of the predictions listed: by how much their price is over 200,000."""
    found = list_predictions(store, log_pb.ListPredictionsRequest(**filters))
    return [each.median_house_value - 200_000 for each in found.predictions]


def judge(store: PredictionStore, *prices: tuple[str, float], now: datetime = NOW) -> list[int]:
    """Record true prices, and return what became of each."""
    outcomes = [outcome_pb.TruePrice(prediction_id=key, median_house_value=price) for key, price in prices]
    request = outcome_pb.RecordOutcomesRequest(outcomes=outcomes)
    return [each.result for each in record_outcomes(store, request, now_us=microseconds(now)).outcomes]


def stats(store: PredictionStore, **asked: Any) -> log_pb.GetPredictionStatsResponse:
    """Measure the predictions on record."""
    request = log_pb.GetPredictionStatsRequest(**asked)
    return get_prediction_stats(store, request, now_us=microseconds(NOW))


def test_prediction_is_told_as_it_was_recorded(store: PredictionStore) -> None:
    """Every field of the answer comes back, and what was left out stays out."""
    given = record(warnings="FAR_FROM_DATA CROWDED", request_id="r-1", ocean_proximity=None)
    add(store, given)
    found = get_prediction(store, given["prediction_id"].upper()).prediction
    fields = {name: value for name, value in BERKELEY.items() if name != "ocean_proximity"}
    assert found == log_pb.LoggedPrediction(
        prediction_id=given["prediction_id"],
        predicted_at=timestamp(START),
        method="Predict",
        model_name="california-housing",
        model_version="3",
        block_group=message_from_mapping(fields),
        median_house_value=200_000,
        interval=log_pb.LoggedInterval(lower=150_000, upper=250_000),
        warnings=["FAR_FROM_DATA", "CROWDED"],
        latency_seconds=0.00125,
        peer="ipv4:127.0.0.1:50123",
        request_id="r-1",
    )


def test_prediction_without_interval_is_told_without(store: PredictionStore) -> None:
    """An interval of zeros would be a lie."""
    add(store, record(interval_lower=None, interval_upper=None, interval_upper_open=None))
    found = get_prediction(store, prediction_id(START)).prediction
    assert not found.HasField("interval")
    assert not found.HasField("outcome")


def test_prediction_that_is_not_on_record_is_not_found(store: PredictionStore) -> None:
    """An unknown id is an error of its own."""
    with pytest.raises(PredictionNotFound):
        get_prediction(store, str(uuid4()))


def test_newest_are_listed_first(store: PredictionStore) -> None:
    """The order is that of time, and of ids for those of one moment."""
    add(store, *(record(number, predicted_at=START) for number in (3, 1, 2)), record(7), record(5))
    assert listed(store) == [7, 5, 3, 2, 1]


@pytest.mark.parametrize(
    ("filters", "expected"),
    [
        ({"start_time": timestamp(START + timedelta(minutes=4))}, [5, 4]),
        ({"end_time": timestamp(START + timedelta(minutes=2))}, [1, 0]),
        ({"model_version": "4"}, [4]),
        ({"model_version": "40"}, []),
        ({"min_median_house_value": 200_003}, [5, 4, 3]),
        ({"min_median_house_value": 200_001, "max_median_house_value": 200_002}, [2, 1]),
        ({"max_median_house_value": 0}, []),
        ({"bounding_box": log_pb.BoundingBox(west=-118.5, south=34, east=-118, north=34.5)}, [2]),
        ({"has_outcome": True}, [3, 1]),
        ({"has_outcome": False}, [5, 4, 2, 0]),
        ({"has_outcome": True, "end_time": timestamp(START + timedelta(minutes=3))}, [1]),
        ({"has_outcome": True, "min_median_house_value": 200_002}, [3]),
    ],
)
def test_filter_lets_pass_what_it_says(store: PredictionStore, filters: dict[str, Any], expected: list[float]) -> None:
    """Each filter alone and with others; bounds are inclusive but for the end of time."""
    los_angeles = {"longitude": -118.25, "latitude": 34.0}
    add(store, *(record(n, **({"model_version": "4"} if n == 4 else los_angeles if n == 2 else {})) for n in range(6)))
    judge(store, *((record(number)["prediction_id"], 1.0) for number in (1, 3)))
    assert listed(store, **filters) == expected


def pages(store: PredictionStore, **filters: Any) -> Iterator[list[float]]:
    """Read page after page, and put a newer prediction on record before each."""
    request = log_pb.ListPredictionsRequest(page_size=2, **filters)
    for number in range(100, 110):
        found = list_predictions(store, request)
        yield [each.median_house_value - 200_000 for each in found.predictions]
        if not found.next_page_token:
            return
        request.page_token = found.next_page_token
        add(store, record(number))


@pytest.mark.parametrize("filters", [{}, {"has_outcome": True}, {"has_outcome": False}])
def test_pages_hold_everything_once(store: PredictionStore, filters: dict[str, Any]) -> None:
    """What comes meanwhile shifts nothing, and a last page that is full has no successor."""
    records = [record(number, predicted_at=START + timedelta(minutes=number // 2)) for number in range(6)]
    add(store, *records)
    if filters.get("has_outcome"):
        judge(store, *((each["prediction_id"], 1.0) for each in records))
    assert list(pages(store, **filters)) == [[5, 4], [3, 2], [1, 0]]


@pytest.mark.parametrize(
    ("filters", "expected"),
    [
        ({"max_median_house_value": 200_001}, [1, 0]),
        ({"min_median_house_value": 200_009}, [9]),
        ({"has_outcome": True, "model_version": "4"}, []),
        ({"has_outcome": False, "max_median_house_value": 200_002}, [2, 0]),
    ],
)
def test_page_looks_at_a_bounded_number_of_rows(
    store: PredictionStore, filters: dict[str, Any], expected: list[float]
) -> None:
    """Where few pass the filters, pages are short or empty, and together they hold everything once."""
    add(store, *(record(number) for number in range(10)))
    judge(store, *((record(number)["prediction_id"], 1.0) for number in (1, 3, 5, 7)))
    request = log_pb.ListPredictionsRequest(**filters)
    found, calls = [], 0
    while calls == 0 or request.page_token:
        page = list_predictions(store, request, scanned_rows=3)
        found += [each.median_house_value - 200_000 for each in page.predictions]
        request.page_token = page.next_page_token
        calls += 1
    assert found == expected
    assert calls == math.ceil((4 if filters.get("has_outcome") else 10) / 3)


def test_unknown_version_is_answered_from_the_index(store: PredictionStore) -> None:
    """One call says that there is nothing, however few rows a page may look at."""
    add(store, *(record(number) for number in range(10)))
    page = list_predictions(store, log_pb.ListPredictionsRequest(model_version="zzz"), scanned_rows=1)
    assert page == log_pb.ListPredictionsResponse()


def test_token_of_no_time_is_refused(store: PredictionStore) -> None:
    """A forged time that no column holds is the caller's mistake, not the store's."""
    add(store, record(0), record(1))
    token = list_predictions(store, log_pb.ListPredictionsRequest(page_size=1)).next_page_token
    with pytest.raises(InvalidRequest):
        listed(store, page_token=f"_____{token[5:]}")


def test_page_has_a_hundred_predictions_unless_told_otherwise(store: PredictionStore) -> None:
    """A request without a size is not answered with everything."""
    add(store, *(record(number) for number in range(120)))
    assert len(listed(store)) == 100
    assert len(listed(store, page_size=110)) == 110


def test_page_token_of_other_filters_is_refused(store: PredictionStore) -> None:
    """It would go on in the middle of another list."""
    add(store, *(record(number) for number in range(3)))
    token = list_predictions(store, log_pb.ListPredictionsRequest(page_size=1)).next_page_token
    with pytest.raises(InvalidRequest) as raised:
        listed(store, page_token=token, model_version="3")
    assert [violation.field for violation in raised.value.violations] == ["page_token"]
    assert listed(store, page_token=token) == [1, 0]


def test_outcome_is_recorded_once_and_revised_by_another_value(store: PredictionStore) -> None:
    """The same value again changes nothing; another one replaces it, and when is kept."""
    add(store, record())
    key, later, last = prediction_id(START), NOW + timedelta(hours=1), NOW + timedelta(hours=2)
    assert judge(store, (key, 210_000)) == [RECORDED]
    assert judge(store, (key.upper(), 210_000), now=later) == [UNCHANGED]
    recorded = get_prediction(store, key).prediction.outcome
    assert recorded == log_pb.Outcome(median_house_value=210_000, recorded_at=timestamp(NOW))
    assert judge(store, (key, 190_000), now=last) == [REVISED]
    revised = get_prediction(store, key).prediction.outcome
    assert revised == log_pb.Outcome(median_house_value=190_000, recorded_at=timestamp(NOW), revised_at=timestamp(last))


def test_outcomes_of_one_request_are_taken_in_order(store: PredictionStore) -> None:
    """Of several for one prediction the last one stays."""
    add(store, record())
    key = prediction_id(START)
    assert judge(store, (key, 1.0), (key, 1.0), (key, 2.0)) == [RECORDED, UNCHANGED, REVISED]
    assert get_prediction(store, key).prediction.outcome.median_house_value == 2


def test_unknown_and_late_outcomes_hold_nothing_up(store: PredictionStore) -> None:
    """Each is reported for what it is, and the others are recorded."""
    add(store, *(record(number) for number in range(4)))
    store.prune(keep_days=0, keep_rows=2)
    keys = [record(number)["prediction_id"] for number in range(4)]
    newer = prediction_id(NOW)
    given = [(key, 5.0) for key in (str(uuid4()), keys[0], keys[3], newer, keys[1], keys[2])]
    assert judge(store, *given) == [UNKNOWN, LATE, RECORDED, UNKNOWN, LATE, RECORDED]
    assert listed(store, has_outcome=True) == [3, 2]


def test_outcomes_go_with_their_predictions(store: PredictionStore) -> None:
    """Retention leaves nothing behind."""
    add(store, *(record(number) for number in range(2)))
    judge(store, *((record(number)["prediction_id"], 5.0) for number in range(2)))
    store.prune(keep_days=0, keep_rows=1)
    assert stats(store).model_versions[0].error.outcomes == 1


def test_ten_thousand_outcomes_are_recorded_at_once(store: PredictionStore) -> None:
    """The contract's largest request is within the databases' limits."""
    records = [record(number, predicted_at=START) for number in range(10_000)]
    add(store, *records)
    given = [(each["prediction_id"], 5.0) for each in records]
    assert set(judge(store, *given)) == {RECORDED}
    assert set(judge(store, *given)) == {UNCHANGED}
    assert set(judge(store, *((key, 6.0) for key, _ in given))) == {REVISED}


def test_statistics_are_those_of_the_prices(store: PredictionStore) -> None:
    """Mean and percentiles, as NumPy sees them, by version and by hour."""
    prices = np.random.default_rng(1).normal(200_000, 80_000, 200).round(2)
    add(
        store,
        *(
            record(number, median_house_value=float(price), model_version="3" if number < 150 else "4")
            for number, price in enumerate(prices)
        ),
    )
    found = stats(store, start_time=timestamp(START))
    assert (found.start_time, found.end_time) == (timestamp(START), timestamp(NOW))
    versions = {each.model_version: each.prices for each in found.model_versions}
    for version, expected in {"3": prices[:150], "4": prices[150:]}.items():
        low, median, high = np.percentile(expected, [5, 50, 95], method="inverted_cdf")
        assert versions[version].count == len(expected)
        assert versions[version].mean == pytest.approx(expected.mean())
        assert (versions[version].p5, versions[version].p50, versions[version].p95) == (low, median, high)
    hours = [(each.start_time.ToDatetime(UTC), each.model_version, each.prices.count) for each in found.periods]
    assert hours == [
        (START, "3", 60),
        (START + timedelta(hours=1), "3", 60),
        (START + timedelta(hours=2), "3", 30),
        (START + timedelta(hours=2), "4", 30),
        (START + timedelta(hours=3), "4", 20),
    ]


def test_days_are_cut_at_midnight(store: PredictionStore) -> None:
    """A day is one of UTC, and the range may begin and end within one."""
    add(store, *(record(number, predicted_at=START + timedelta(hours=6 * number)) for number in range(8)))
    request = {"start_time": timestamp(START + timedelta(hours=6)), "end_time": timestamp(START + timedelta(hours=42))}
    found = stats(store, period=log_pb.STATS_PERIOD_DAY, **request)
    days = [(each.start_time.ToDatetime(UTC), each.prices.count) for each in found.periods]
    assert days == [(START, 3), (START + timedelta(days=1), 3)]


def test_range_is_the_last_day_or_month_unless_told_otherwise(store: PredictionStore) -> None:
    """Its length goes with the period's."""
    lengths = {log_pb.STATS_PERIOD_UNSPECIFIED: 1, log_pb.STATS_PERIOD_HOUR: 1, log_pb.STATS_PERIOD_DAY: 30}
    for period, days in lengths.items():
        found = stats(store, period=period)
        assert (found.start_time, found.end_time) == (timestamp(NOW - timedelta(days=days)), timestamp(NOW))
        assert not found.model_versions
        assert not found.periods


def test_live_error_is_that_of_the_judged_predictions(store: PredictionStore) -> None:
    """An interval holds its bounds, and all above when it is open; a model without intervals has no coverage."""
    no_interval: dict[str, Any] = {"interval_lower": None, "interval_upper": None, "interval_upper_open": None}
    cases: list[tuple[float, float, dict[str, Any]]] = [  # price, true price, interval
        (200_000.0, 250_000.0, {}),  # on the bound
        (200_000.0, 149_999.0, {}),  # below
        (200_000.0, 400_000.0, {"interval_upper_open": True}),
        (200_000.0, 400_000.0, {}),  # above
        (300_000.0, 200_000.0, no_interval),
    ]
    records = [record(number, median_house_value=case[0], **case[2]) for number, case in enumerate(cases)]
    add(store, *records, record(90), record(91, model_version="4", **no_interval))
    judge(store, *((each["prediction_id"], case[1]) for each, case in zip(records, cases, strict=True)))
    judge(store, (record(91)["prediction_id"], 200_000))
    errors = np.array([case[0] - case[1] for case in cases])
    third, fourth = stats(store, start_time=timestamp(START)).model_versions
    assert third.prices.count == 6
    assert third.error.outcomes == 5
    assert third.error.mean_absolute_error == pytest.approx(np.abs(errors).mean())
    assert third.error.root_mean_squared_error == pytest.approx(math.sqrt((errors**2).mean()))
    assert third.error.bias == pytest.approx(errors.mean())
    assert third.error.interval_coverage == 0.5
    assert fourth.error.outcomes == 1
    assert not fourth.error.HasField("interval_coverage")


def test_version_without_outcomes_has_no_error(store: PredictionStore) -> None:
    """Zero would look like perfection."""
    add(store, record())
    (only,) = stats(store, start_time=timestamp(START)).model_versions
    assert not only.HasField("error")


def test_errors_can_be_had_without_prices(store: PredictionStore) -> None:
    """They are the same, and a version that nobody has judged is left out."""
    add(store, record(0), record(1), record(2, model_version="4"))
    judge(store, (record(0)["prediction_id"], 1.0))
    everything, errors = (stats(store, start_time=timestamp(START), errors_only=only) for only in (False, True))
    (found,) = errors.model_versions
    assert found.error == everything.model_versions[0].error
    assert not found.HasField("prices")
    assert not errors.periods


def test_statistics_of_one_version_leave_out_the_others(store: PredictionStore) -> None:
    """Prices and errors alike."""
    add(store, record(0), record(1, model_version="4"))
    judge(store, (record(0)["prediction_id"], 1.0), (record(1)["prediction_id"], 1.0))
    found = stats(store, model_version="4", start_time=timestamp(START))
    assert [each.model_version for each in found.model_versions] == ["4"]
    assert [each.model_version for each in found.periods] == ["4"]
    assert found.model_versions[0].error.outcomes == 1
