"""The estimate of the error from intervals alone: what it adds up, how sure it is, and how it is checked."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest

from housing.v1.model_profile_pb2 import ErrorMoments, ExpectedErrors
from housing_monitoring.estimated_error import LEAST_ROWS, check_estimate, estimate_error
from housing_monitoring.inspection import Inspector
from housing_monitoring.results import Results
from housing_monitoring.window import LoggedPrediction, Window
from unit.monitoring.watched import LIVE, NOW, TRAINING, FakeService, predictions, profile

NARROW, WIDE = 50_000.0, 150_000.0
"""Widths of intervals, one in each class, in USD."""


def expected(*, warned: bool = True) -> ExpectedErrors:
    """Errors of 10,000 USD where intervals are narrower than 100,000, else of 40,000; three times that if warned."""
    moments = ExpectedErrors(
        edges=[100_000],
        classes=[
            ErrorMoments(rows=900, absolute_mean=1e4, absolute_variance=6e7, squared_mean=1.6e8, squared_variance=8e16),
            ErrorMoments(rows=300, absolute_mean=4e4, absolute_variance=1e9, squared_mean=2.6e9, squared_variance=2e19),
        ],
        warnings=["FAR"],
    )
    if warned:
        multiples = ErrorMoments(rows=100, absolute_mean=3, absolute_variance=4, squared_mean=9, squared_variance=200)
        moments.warned.CopyFrom(multiples)
    return moments


def answers(
    count: int, width: float, *, warnings: tuple[str, ...] = (), upper_open: bool = False
) -> list[LoggedPrediction]:
    """Answers with intervals of a width around them."""
    return [
        replace(
            each,
            prediction_id=f"{width}-{upper_open}-{each.prediction_id}",
            median_house_value=200_000.0,
            interval=(200_000 - width / 2, 200_000 + width / 2, upper_open),
            warnings=warnings,
        )
        for each in predictions(count)
    ]


def mean_error(found: Sequence[LoggedPrediction], *, warned: bool = True) -> float:
    """The estimated mean absolute error."""
    estimated = estimate_error(expected(warned=warned), "3", found)
    assert estimated is not None
    return estimated.mean_absolute_error.value


def test_estimate_is_the_mean_of_what_is_expected() -> None:
    """By the share of each class."""
    assert mean_error(answers(200, NARROW)) == pytest.approx(10_000)
    mixed = [*answers(300, NARROW), *answers(100, WIDE)]
    assert mean_error(mixed) == pytest.approx(17_500)
    estimated = estimate_error(expected(), "3", mixed)
    assert estimated is not None
    assert estimated.rows == 400
    assert estimated.root_mean_squared_error.value == pytest.approx(np.sqrt(0.75 * 1.6e8 + 0.25 * 2.6e9))


def test_width_that_the_cap_has_cut_off_is_made_up_for() -> None:
    """With an open upper bound the distance down to the lower bound counts twice."""
    cut = [replace(each, interval=(110_000.0, 200_001.0, True)) for each in answers(200, NARROW)]
    assert mean_error(cut) == pytest.approx(40_000)
    closed = [replace(each, interval=(110_000.0, 200_001.0, False)) for each in cut]
    assert mean_error(closed) == pytest.approx(10_000)


def test_rows_with_a_warning_are_expected_to_err_more() -> None:
    """With the model's own warnings; others are about requests, not about answers."""
    assert mean_error(answers(200, NARROW, warnings=("ODD", "FAR"))) == pytest.approx(30_000)
    assert mean_error(answers(200, NARROW, warnings=("ODD",))) == pytest.approx(10_000)
    assert mean_error(answers(200, NARROW, warnings=("FAR",)), warned=False) == pytest.approx(10_000)


def test_band_narrows_with_rows_down_to_what_training_knew() -> None:
    """Few rows vary about their mean; the mean itself is known from so many rows of training."""

    def reach(count: int) -> float:
        estimated = estimate_error(expected(), "3", answers(count, NARROW))
        assert estimated is not None
        band = estimated.mean_absolute_error
        assert band.lower < band.value < band.upper
        return band.upper - band.value

    assert reach(100) == pytest.approx(1.96 * np.sqrt(6e7 / 100 + 6e7 / 900))
    assert reach(100_000) == pytest.approx(1.96 * np.sqrt(6e7 / 900), rel=0.01)


def test_band_holds_the_error_nineteen_times_in_twenty() -> None:
    """Errors are drawn by the law that was measured, again and again."""
    random, held = np.random.default_rng(0), 0
    scale = {NARROW: 1e4, WIDE: 4e4}  # exponential errors: the variance is the square of the mean
    law = ExpectedErrors(
        edges=[100_000],
        classes=[
            ErrorMoments(
                rows=10**6, absolute_mean=s, absolute_variance=s**2, squared_mean=2 * s**2, squared_variance=20 * s**4
            )
            for s in scale.values()
        ],
    )
    found = [*answers(300, NARROW), *answers(100, WIDE)]
    scales = np.repeat([1e4, 4e4], [300, 100])
    estimated = estimate_error(law, "3", found)
    assert estimated is not None
    for _ in range(400):
        held += estimated.mean_absolute_error.holds(float(random.exponential(scales).mean()))
    assert 365 <= held <= 395


def test_few_answers_are_not_judged() -> None:
    """Nor those of other versions, or without intervals."""
    assert estimate_error(expected(), "3", answers(LEAST_ROWS - 1, NARROW)) is None
    assert estimate_error(expected(), "4", answers(200, NARROW)) is None
    assert estimate_error(expected(), "3", predictions(200)) is None


def with_prices(found: Sequence[LoggedPrediction], error: float) -> list[LoggedPrediction]:
    """The same answers with true prices that they miss by so much."""
    return [replace(each, true_price=each.median_house_value - error) for each in found]


def test_estimate_is_checked_on_the_rows_whose_prices_have_come() -> None:
    """An error as expected is within the band, one of other prices is not."""
    found = answers(200, NARROW)
    good = check_estimate(expected(), "3", [*with_prices(found, 10_000), *answers(50, WIDE)])
    bad = check_estimate(expected(), "3", with_prices(found, 60_000))
    assert good is not None
    assert bad is not None
    assert good.estimated.rows == 200
    assert good.estimated.mean_absolute_error.holds(good.mean_absolute_error)
    assert (bad.mean_absolute_error, bad.root_mean_squared_error) == (60_000, 60_000)
    assert not bad.estimated.mean_absolute_error.holds(bad.mean_absolute_error)


def service_of(found: Sequence[LoggedPrediction]) -> FakeService:
    """A service whose model knows its errors."""
    service = FakeService(log=list(found))
    assert service.served.profile is not None
    service.served.profile.expected_errors.CopyFrom(expected())
    return service


def inspector(service: FakeService) -> Inspector:
    """Who looks at it."""
    return Inspector(service, Window(rows=5000, seconds=86_400), minimum_rows=500, now=lambda: NOW)


async def look(service: FakeService) -> Results:
    """Look at a service once."""
    return await inspector(service).check()


async def test_estimate_moves_with_what_is_asked_for() -> None:
    """Without a single true price."""
    before = await look(service_of(answers(200, NARROW)))
    after = await look(service_of(answers(200, WIDE)))
    assert before.estimated is not None
    assert after.estimated is not None
    assert after.estimated.mean_absolute_error.lower > before.estimated.mean_absolute_error.upper
    assert before.estimate_check is None


async def test_true_prices_are_read_again_only_when_errors_have_changed() -> None:
    """Each look costs a call for the figures, and pages of the log only when these differ."""
    service = service_of(answers(200, NARROW))
    service.priced = with_prices(service.log, 10_000)
    looking = inspector(service)
    for _ in range(3):
        results = await looking.check()
        assert results.estimate_check is not None
    assert service.priced_reads == 1
    service.live = [replace(LIVE, outcomes=121)]
    await looking.check()
    assert service.priced_reads == 2


async def test_model_of_an_earlier_release_has_no_estimate() -> None:
    """Its profile is without expected errors: nothing is estimated rather than something wrong."""
    service = FakeService(log=answers(200, NARROW), priced=with_prices(answers(200, NARROW), 10_000))
    assert not profile().HasField("expected_errors")
    results = await look(service)
    assert (results.estimated, results.estimate_check) == (None, None)
    assert results.training == TRAINING
