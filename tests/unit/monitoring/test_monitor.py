"""The monitor: what it shows and logs of its looks, and what it does about those that fail."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import cast

import pytest
import structlog
from prometheus_client import CollectorRegistry

from housing.logs import Log
from housing_monitoring.errors import ServiceFailed
from housing_monitoring.inspection import Inspector
from housing_monitoring.monitor import Monitor
from housing_monitoring.results import Results, ResultsFile
from housing_monitoring.window import Window
from unit.monitoring.test_estimated_error import NARROW, answers, service_of, with_prices
from unit.monitoring.watched import NOW, FakeService, predictions


class Watching:
    """A monitor of a fake service, its metrics and its log lines."""

    def __init__(self, service: FakeService, state_dir: Path) -> None:
        self.service = service
        self.capture = structlog.testing.LogCapture()
        self.registry = CollectorRegistry()
        inspector = Inspector(service, Window(rows=5000, seconds=86_400), minimum_rows=500, now=lambda: NOW)
        self.monitor = self.make(inspector.check, state_dir)
        self.monitor.register(self.registry)

    def make(self, look: Callable[[], Awaitable[Results]], state_dir: Path) -> Monitor:
        """Make a monitor whose log lines are kept."""
        log = cast(Log, structlog.wrap_logger(None, processors=[self.capture]))
        return Monitor(look, ResultsFile(state_dir), log)

    def value(self, name: str, **labels: str) -> float | None:
        """Read a metric; None when there is no such series."""
        return self.registry.get_sample_value(name, labels)

    def events(self) -> list[str]:
        """Name what was logged, in order."""
        return [str(entry["event"]) for entry in self.capture.entries]


@pytest.fixture
def watching(tmp_path: Path) -> Watching:
    """A monitor of a service with 600 predictions on record."""
    return Watching(FakeService(log=predictions(600)), tmp_path)


async def test_shows_estimated_errors(tmp_path: Path) -> None:
    """The estimate with its band, and how it fared where true prices have come."""
    service = service_of(answers(200, NARROW))
    service.priced = with_prices(service.log, 12_500)
    watching = Watching(service, tmp_path)
    await watching.monitor.try_to_check()

    def value(name: str) -> float:
        found = watching.value(name, model_version="3")
        assert found is not None
        return found

    assert value("housing_estimated_rows") == 200
    assert value("housing_estimated_mean_absolute_error_usd") == 10_000
    lower, upper = (value(f"housing_estimated_root_mean_squared_error_{end}_usd") for end in ("lower", "upper"))
    assert lower < value("housing_estimated_root_mean_squared_error_usd") < upper
    assert value("housing_estimate_checked_rows") == 200
    assert value("housing_estimate_mean_absolute_error_ratio") == 0.8
    assert value("housing_estimate_mean_absolute_error_in_band") == 0
    assert value("housing_estimate_root_mean_squared_error_in_band") == 1


async def test_shows_no_estimate_where_there_is_none(watching: Watching) -> None:
    """A model without expected errors has no such series, rather than zeros."""
    await watching.monitor.try_to_check()
    assert watching.value("housing_estimated_mean_absolute_error_usd", model_version="3") is None
    assert watching.value("housing_estimate_checked_rows", model_version="3") is None


async def test_shows_what_it_has_found(watching: Watching) -> None:
    """Each figure of a look is a gauge."""
    await watching.monitor.try_to_check()
    assert watching.value("housing_drift_window_rows") == 600
    assert watching.value("housing_drift_last_run_timestamp_seconds") == NOW
    assert watching.value("housing_drift_psi", feature="median_income") == pytest.approx(0, abs=0.05)
    assert watching.value("housing_drift_statistic", feature="ocean_proximity") is not None
    assert watching.value("housing_drift_missing_ratio", feature="total_bedrooms") == 0
    assert watching.value("housing_drift_p_value", feature="median_house_value") is not None
    assert watching.value("housing_live_bias_usd", model_version="3") == -1_000
    assert watching.value("housing_live_outcomes", model_version="3") == 120
    assert watching.value("housing_training_root_mean_squared_error_usd", model_version="3") == 41_000
    assert watching.value("housing_monitor_failures_total") == 0


async def test_shows_nothing_for_what_is_not_known(watching: Watching) -> None:
    """A model that knows no intervals has no coverage to show, not one of 0."""
    await watching.monitor.try_to_check()
    assert watching.value("housing_training_interval_coverage_ratio", model_version="3") is None


async def test_tells_when_drift_begins_and_ends(watching: Watching) -> None:
    """A field that shifts is one line when it begins and one when it ends, however many looks there are between."""
    await watching.monitor.try_to_check()
    watching.service.log = predictions(5000, until=NOW + 5000, scale=1.5)
    await watching.monitor.try_to_check()
    await watching.monitor.try_to_check()
    watching.service.log = predictions(5000, until=NOW + 10_000)
    await watching.monitor.try_to_check()
    assert watching.events() == ["checked", "checked", "drift begins", "checked", "checked", "drift ends"]
    assert [entry["feature"] for entry in watching.capture.entries if "feature" in entry] == ["median_income"] * 2


async def test_a_service_that_is_down_is_counted_and_watched_on(watching: Watching) -> None:
    """One line and one count a look; what was found last stays until it is back."""
    await watching.monitor.try_to_check()
    watching.service.down = True
    await watching.monitor.try_to_check()
    assert watching.value("housing_monitor_failures_total") == 1
    assert watching.value("housing_drift_window_rows") == 600
    watching.service.down = False
    await watching.monitor.try_to_check()
    assert watching.events() == ["checked", "check failed", "checked"]


async def test_a_service_that_still_starts_is_no_warning(watching: Watching, tmp_path: Path) -> None:
    """It is started together with the monitor; once its time is up, or it has answered, a failure is news."""

    async def fail() -> Results:
        raise ServiceFailed("no model is loaded yet")

    seconds = 0.0
    monitor = Monitor(
        fail,
        ResultsFile(tmp_path),
        cast(Log, structlog.wrap_logger(None, processors=[watching.capture])),
        starting_seconds=30,
        now=lambda: seconds,
    )
    await monitor.try_to_check()
    seconds = 31
    await monitor.try_to_check()
    assert watching.events() == ["the service is not ready yet", "check failed"]


async def test_what_nobody_expected_is_logged_whole(watching: Watching, tmp_path: Path) -> None:
    """A fault of the monitor itself ends the look, not the watching."""

    async def stumble() -> Results:
        raise ZeroDivisionError

    await watching.make(stumble, tmp_path).try_to_check()
    (entry,) = watching.capture.entries
    assert (entry["event"], entry["exc_info"]) == ("check failed", True)


async def test_results_are_shown_again_after_a_restart(watching: Watching, tmp_path: Path) -> None:
    """The next monitor shows what the last one found until it has looked itself."""
    await watching.monitor.try_to_check()
    again = Watching(FakeService(down=True), tmp_path)
    await again.monitor.try_to_check()
    for registry in (again.registry, watching.registry):
        assert registry.get_sample_value("housing_drift_window_rows") == 600
    psi = ("housing_drift_psi", {"feature": "median_income"})
    assert again.registry.get_sample_value(*psi) == watching.registry.get_sample_value(*psi)


async def test_a_file_that_cannot_be_read_is_no_obstacle(tmp_path: Path) -> None:
    """What another version has left behind, or half of a file, is as good as nothing."""
    (tmp_path / "monitor").mkdir()
    (tmp_path / "monitor" / "state.json").write_text('{"looked_at": 1}')
    watching = Watching(FakeService(log=predictions(600)), tmp_path)
    assert watching.value("housing_drift_window_rows") is None
    await watching.monitor.try_to_check()
    assert watching.value("housing_drift_window_rows") == 600


async def test_looks_until_cancelled(tmp_path: Path) -> None:
    """Watching is looking again and again, also when looks fail."""
    enough, looks = asyncio.Event(), 0

    async def look() -> Results:
        nonlocal looks
        looks += 1
        if looks == 3:
            enough.set()
        raise ServiceFailed("the service fails")

    watching = Watching(FakeService(), tmp_path)
    watch = asyncio.create_task(watching.make(look, tmp_path).watch(0))
    await enough.wait()
    watch.cancel()
    with pytest.raises(asyncio.CancelledError):
        await watch
    assert looks >= 3
