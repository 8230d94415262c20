"""Logged requests as arrays, and the answers of challengers beside them, on a SQLite file and on a real PostgreSQL."""

from datetime import timedelta
from typing import Any

import numpy as np
import pytest

from housing.example import BERKELEY
from housing.features import FEATURE_NAMES
from housing.rows import message_from_mapping, row_from_message
from housing.v1.outcome_service_pb2 import RecordOutcomesRequest, TruePrice
from housing_server.prediction_log.logged_requests import LoggedRequests, ModelAnswers, Wanted, pages
from housing_server.prediction_log.outcomes import record_outcomes
from housing_server.prediction_log.shadow_predictions import ShadowPredictions, prune
from housing_server.prediction_log.store import PredictionStore
from predictions_on_record import START, add, prediction_id, record

MODEL = "california-housing"
RETRAINING = prediction_id(START)


def micro(minutes: int) -> int:
    """Return the time of the prediction of a number."""
    return round((START + timedelta(minutes=minutes)).timestamp() * 1_000_000)


def read(store: PredictionStore, *, page_rows: int = 1_000, **wanted: Any) -> list[LoggedRequests]:
    """Read pages of predictions."""
    return [*pages(store, Wanted(model_name=MODEL, **wanted), page_rows=page_rows)]


def know(store: PredictionStore, number: int, price: float) -> None:
    """Record the true price of a prediction."""
    outcome = TruePrice(prediction_id=record(number)["prediction_id"], median_house_value=price)
    record_outcomes(store, RecordOutcomesRequest(outcomes=[outcome]), now_us=micro(1_000 + number))


def answers(prices: list[float], **changes: Any) -> ModelAnswers:
    """Make a challenger's answers."""
    values: dict[str, Any] = {
        "prices": np.array(prices),
        "bounds": np.column_stack([np.array(prices) - 1, np.array(prices) + 1]),
        "upper_open": np.zeros(len(prices), dtype=np.bool_),
        "warnings": ("",) * len(prices),
    }
    return ModelAnswers(**values | changes)


def test_requests_are_read_as_models_are_asked(store: PredictionStore) -> None:
    """Text as its code, what is missing as NaN, and the true price where it is known."""
    add(store, record(0, warnings="CROWDED"), record(1, total_bedrooms=None, ocean_proximity=None, interval_lower=None))
    know(store, 0, 300_000)
    (page,) = read(store)
    assert page.ids == (record(1)["prediction_id"], record(0)["prediction_id"])
    np.testing.assert_array_equal(page.rows[1], row_from_message(message_from_mapping(BERKELEY)))
    missing = {name for name, value in zip(FEATURE_NAMES, page.rows[0], strict=True) if np.isnan(value)}
    assert missing == {"total_bedrooms", "ocean_proximity"}
    np.testing.assert_array_equal(page.answers.prices, [200_001, 200_000])
    np.testing.assert_array_equal(page.answers.bounds, [[np.nan, 250_000], [150_000, 250_000]])
    np.testing.assert_array_equal(page.true_prices, [np.nan, 300_000])
    assert page.answers.warnings == ("", "CROWDED")


def test_requests_are_read_in_pages_within_bounds(store: PredictionStore) -> None:
    """The newest first, of a version, between two times, up to a limit; nothing comes twice."""
    add(store, *(record(number) for number in range(10)), record(10, model_version="4"))
    add(store, record(11, model_name="another"))

    def ids(found: list[LoggedRequests]) -> list[list[str]]:
        return [list(page.ids) for page in found]

    def expected(*numbers: int) -> list[str]:
        return [record(number)["prediction_id"] for number in numbers]

    wanted = {"model_version": "3", "since_us": micro(2), "until_us": micro(9)}
    assert ids(read(store, page_rows=3, **wanted)) == [expected(8, 7, 6), expected(5, 4, 3), expected(2)]
    assert ids(read(store, page_rows=3, limit=4)) == [expected(10, 9, 8), expected(7)]
    assert ids(read(store, model_version="5")) == []


def test_both_answers_are_on_record(store: PredictionStore) -> None:
    """What a challenger answered is read beside what was answered; twice is once."""
    add(store, *(record(number) for number in range(5)))
    (page,) = read(store)
    shadow = ShadowPredictions(store, MODEL, "4")
    mine = answers([1.0, 2, 3, 4, 5], warnings=("", "CROWDED", "", "", ""), upper_open=np.array([False] * 4 + [True]))
    assert shadow.add(RETRAINING, page, mine) == 5
    assert shadow.add(RETRAINING, page, mine) == 0
    assert shadow.count() == 5
    assert ShadowPredictions(store, MODEL, "5").count() == 0

    read_back = [*shadow.pages(page_rows=3)]
    assert [list(logged.ids) for logged, _ in read_back] == [list(page.ids[:3]), list(page.ids[3:])]
    np.testing.assert_array_equal(np.concatenate([found.prices for _, found in read_back]), mine.prices)
    np.testing.assert_array_equal(np.concatenate([found.bounds for _, found in read_back]), mine.bounds)
    np.testing.assert_array_equal(np.concatenate([found.upper_open for _, found in read_back]), mine.upper_open)
    assert sum((found.warnings for _, found in read_back), ()) == mine.warnings
    np.testing.assert_array_equal(read_back[0][0].answers.prices, page.answers.prices[:3])


def test_an_answer_without_an_interval_is_kept(store: PredictionStore) -> None:
    """A challenger may have none."""
    add(store, record(0))
    shadow = ShadowPredictions(store, MODEL, "4")
    shadow.add(RETRAINING, read(store)[0], answers([7.0], bounds=np.full((1, 2), np.nan)))
    ((_, found),) = shadow.pages()
    assert np.isnan(found.bounds).all()


def test_answers_go_with_what_they_answer(store: PredictionStore) -> None:
    """So the retention of the log is theirs, and what was pruned meanwhile is left out."""
    add(store, *(record(number) for number in range(5)))
    (page,) = read(store)
    shadow = ShadowPredictions(store, MODEL, "4")
    assert shadow.add(RETRAINING, page, answers([1.0] * 5)) == 5
    store.prune(keep_days=0, keep_rows=2)
    assert shadow.count() == 2
    assert ShadowPredictions(store, MODEL, "5").add(RETRAINING, page, answers([1.0] * 5)) == 2


@pytest.mark.parametrize(("keep", "left"), [(0, 0), (3, 2), (4, 4), (9, 4)])
def test_what_earlier_shadows_answered_is_bounded(store: PredictionStore, keep: int, left: int) -> None:
    """At most so many stay, the newest, whole transactions at a time."""
    add(store, *(record(number) for number in range(4)))
    for number, page in enumerate(read(store, page_rows=2)):
        ShadowPredictions(store, MODEL, str(number)).add(RETRAINING, page, answers([1.0] * 2))
    prune(store, keep_rows=keep)
    assert sum(ShadowPredictions(store, MODEL, version).count() for version in ("0", "1")) == left


def test_outcomes_judge_both(store: PredictionStore) -> None:
    """The errors of both on the same rows, those first whose true prices came first."""
    add(store, *(record(number, median_house_value=200_000.0) for number in range(3)))
    add(store, record(3, model_version="2"))
    (page,) = read(store)
    shadow = ShadowPredictions(store, MODEL, "4")
    shadow.add(RETRAINING, page, answers([150_000.0] * 4))
    for number, price in ((1, 100_000), (0, 250_000), (3, 1)):
        know(store, number, price)
    mine, theirs = shadow.errors("3", limit=10)
    assert (mine.tolist(), theirs.tolist()) == ([-100_000, 50_000], [-50_000, 100_000])
    assert [each.tolist() for each in shadow.errors("3", limit=1)] == [[-100_000], [-50_000]]
    assert [each.tolist() for each in shadow.errors("9", limit=1)] == [[], []]
