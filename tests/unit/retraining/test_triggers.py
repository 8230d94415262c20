"""The triggers schedule and degradation; that of new data is tested with the watcher."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from housing_monitoring.drift import Drift
from housing_monitoring.errors import ServiceFailed
from housing_monitoring.estimated_error import Band, EstimatedError
from housing_monitoring.results import LiveQuality, Results, TrainingQuality
from housing_retraining.errors import InvalidSettings
from housing_retraining.settings import read_settings
from housing_retraining.triggers.degradation import Degradation, Tolerance, inspect_service, judge
from housing_retraining.triggers.schedule import Schedule
from housing_server.prediction_log.retrainings import RetrainingRecords
from housing_server.prediction_log.store import PredictionStore

TOLERANCE = Tolerance(error_factor=1.3, coverage_shortfall=0.1, drift_psi=0.5, minimum_outcomes=200)
LIVE = LiveQuality(
    model_version="3",
    outcomes=200,
    mean_absolute_error=25_000,
    root_mean_squared_error=40_000,
    bias=0,
    interval_coverage=0.9,
)
DRIFT = Drift(feature="median_income", values=600, psi=0.1, by_chance=0.05, statistic=0.1, p_value=0.1)


def results(live: LiveQuality = LIVE, drift: Drift = DRIFT) -> Results:
    """Return the results of an inspection."""
    training = TrainingQuality(
        model_version="3", mean_absolute_error=24_000, root_mean_squared_error=38_000, interval_coverage=0.91
    )
    return Results(looked_at=0, window_rows=600, drift=(drift,), missing={}, places=(), live=(live,), training=training)


def test_live_quality_as_in_training_does_not_fire() -> None:
    """Neither does a difference within the tolerance."""
    assert judge(results(), TOLERANCE) is None


@pytest.mark.parametrize(
    ("found", "reason", "figure"),
    [
        (
            results(replace(LIVE, root_mean_squared_error=57_000)),
            "the live RMSE is 57,000 USD, 1.50 times that of training",
            "live_rmse",
        ),
        (
            results(replace(LIVE, interval_coverage=0.8)),
            "0.800 of the live intervals hold the true price, 0.910 did in training",
            "live_coverage",
        ),
        (
            results(drift=replace(DRIFT, psi=0.7)),
            "median_income (PSI 0.7) drifted from what was trained on",
            "drift",
        ),
    ],
)
def test_each_kind_of_degradation_fires(found: Results, reason: str, figure: str) -> None:
    """With its figures on record."""
    fired = judge(found, TOLERANCE)
    assert fired is not None
    assert fired.reason == reason
    assert figure in fired.figures
    assert fired.figures["model_version"] == "3"


def test_too_few_outcomes_do_not_fire() -> None:
    """Neither do outcomes of a version that is not served, nor drift without outcomes."""
    bad = replace(LIVE, root_mean_squared_error=90_000, interval_coverage=0.1)
    assert judge(results(replace(bad, outcomes=199), replace(DRIFT, psi=5.0)), TOLERANCE) is None
    assert judge(results(replace(bad, model_version="2")), TOLERANCE) is None


def estimated(lower: float) -> EstimatedError:
    """Return an estimate with this lower bound of the RMSE, in USD."""
    band = Band(value=lower + 5_000, lower=lower, upper=lower + 10_000)
    return EstimatedError(model_version="3", rows=500, mean_absolute_error=band, root_mean_squared_error=band)


def test_estimated_error_fires_if_enabled() -> None:
    """Without any outcome, by the lower end of its band; it is disabled by default."""
    bad = replace(results(replace(LIVE, outcomes=0)), estimated=estimated(57_000.0))
    assert judge(bad, TOLERANCE) is None
    asked = replace(TOLERANCE, estimated_error_factor=1.5)
    fired = judge(bad, asked)
    assert fired is not None
    assert fired.reason == "by its intervals the RMSE will be at least 57,000 USD, 1.50 times that of training"
    assert fired.figures["rows"] == 500
    assert judge(replace(bad, estimated=estimated(56_000.0)), asked) is None
    assert judge(replace(bad, estimated=None), asked) is None


def test_missing_training_metrics_are_not_compared() -> None:
    """A model that was registered by hand has none."""
    unknown = TrainingQuality(
        model_version="3", mean_absolute_error=None, root_mean_squared_error=None, interval_coverage=None
    )
    bad = replace(LIVE, root_mean_squared_error=90_000, interval_coverage=0.1)
    assert judge(replace(results(bad), training=unknown), TOLERANCE) is None


def test_unreachable_service_does_not_fire() -> None:
    """Whether a call fails, or nothing listens."""

    def fails() -> Results:
        raise ServiceFailed("down")

    assert Degradation(fails, TOLERANCE, cooldown_seconds=0).look() is None
    assert Degradation(inspect_service("127.0.0.1:1"), TOLERANCE, cooldown_seconds=0).look() is None


@pytest.fixture
def store(tmp_path: Path) -> Iterator[PredictionStore]:
    """An empty store."""
    opened = PredictionStore.open(f"sqlite:///{tmp_path}/predictions.db")
    yield opened
    opened.close()


def us(text: str) -> int:
    """Return a time of the first of March 2026 in microseconds since the epoch."""
    return int(datetime.fromisoformat(f"2026-03-01T{text}").replace(tzinfo=UTC).timestamp() * 1_000_000)


def test_schedule_fires_once_for_each_due_time(store: PredictionStore) -> None:
    """Not early, not twice, and once for all times that were missed."""
    now = [us("02:30")]
    records = RetrainingRecords(store, now=lambda: now[0])
    schedule = Schedule("0 * * * *", records, lambda: now[0])
    assert schedule.look() is None
    now[0] = us("03:00")
    fired = schedule.look()
    assert fired is not None
    assert fired.reason == "2026-03-01 03:00 UTC is on the schedule 0 * * * *"
    records.request("schedule", reason=fired.reason, requested_by="a test")
    assert schedule.look() is None

    later = Schedule("0 * * * *", records, lambda: now[0])  # after a restart
    now[0] = us("09:59")
    assert later.look() is not None
    records.request("schedule", reason="caught up", requested_by="a test")
    assert later.look() is None
    now[0] = us("10:00")
    assert later.look() is not None


def test_invalid_schedule_is_refused_at_start(monkeypatch: pytest.MonkeyPatch) -> None:
    """The error names the variable."""
    monkeypatch.setenv("HOUSING_RETRAINING_SCHEDULE", "every day")
    with pytest.raises(InvalidSettings, match=r"\AHOUSING_RETRAINING_SCHEDULE: .*no cron expression.*\Z"):
        read_settings()
    monkeypatch.setenv("HOUSING_RETRAINING_SCHEDULE", "0 3 * * 0")
    assert read_settings().retraining_schedule == "0 3 * * 0"
