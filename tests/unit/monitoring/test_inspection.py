"""One look at a service: which fields are compared, with what, and what is said of them."""

from dataclasses import replace

import pytest

from housing.features import FEATURE_NAMES
from housing_monitoring.drift import SHIFTED
from housing_monitoring.errors import ForeignProfile
from housing_monitoring.inspection import Inspector
from housing_monitoring.results import Results
from housing_monitoring.window import Window
from unit.monitoring.watched import LIVE, NOW, TRAINING, FakeService, predictions, without


async def look(service: FakeService) -> Results:
    """Look at a service once."""
    return await Inspector(service, Window(rows=5000, seconds=86_400), minimum_rows=500, now=lambda: NOW).check()


async def test_unshifted_predictions_show_no_drift() -> None:
    """All nine fields and the answers are compared, and none has shifted."""
    results = await look(FakeService(log=predictions(600)))
    assert [each.feature for each in results.drift] == [*FEATURE_NAMES, "median_house_value"]
    assert max(each.psi for each in results.drift) < SHIFTED
    assert (results.window_rows, results.looked_at) == (600, NOW)


async def test_a_shifted_field_shows_alone() -> None:
    """Incomes half as high again are drift of the income."""
    results = await look(FakeService(log=predictions(600, scale=1.5)))
    assert [each.feature for each in results.drift if each.psi > SHIFTED] == ["median_income"]


async def test_few_rows_are_not_judged() -> None:
    """With fewer than 500 values a field would differ by chance."""
    results = await look(FakeService(log=predictions(499)))
    assert (results.window_rows, results.drift) == (499, ())


async def test_a_field_that_is_mostly_left_out_is_not_judged() -> None:
    """Fields are judged by the values that were given."""
    log = predictions(600)
    log[:101] = [without(each, "total_bedrooms") for each in log[:101]]
    results = await look(FakeService(log=log))
    assert {*FEATURE_NAMES, "median_house_value"} - {each.feature for each in results.drift} == {"total_bedrooms"}
    assert {name: ratio for name, ratio in results.missing.items() if ratio} == {
        "total_bedrooms": pytest.approx(101 / 600)
    }


async def test_answers_of_another_version_are_not_compared() -> None:
    """After a swap the inputs of before still count, and the answers do not: the profile is another model's."""
    results = await look(FakeService(log=predictions(600, version="2")))
    assert [each.feature for each in results.drift] == list(FEATURE_NAMES)


async def test_quality_is_passed_on() -> None:
    """Live errors stand beside those of training."""
    results = await look(FakeService())
    assert (results.live, results.training) == ((LIVE,), TRAINING)


async def test_a_model_without_a_profile_is_watched_for_its_errors() -> None:
    """What was registered by hand has no profile; its errors are known all the same."""
    service = FakeService(log=predictions(600))
    service.served = replace(service.served, profile=None)
    results = await look(service)
    assert (results.window_rows, results.drift, results.live) == (600, (), (LIVE,))


async def test_a_profile_of_another_contract_is_refused() -> None:
    """Fields are never compared with those of another name."""
    service = FakeService(log=predictions(600))
    assert service.served.profile is not None
    service.served.profile.inputs[0].name = "width"
    with pytest.raises(ForeignProfile, match="other fields"):
        await look(service)
