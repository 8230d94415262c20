"""What is on record of retrainings, as metrics."""

import asyncio
from dataclasses import replace

import grpc
import pytest
import structlog
from google.rpc.status_pb2 import Status
from prometheus_client import CollectorRegistry

from housing_client import Model, RetrainingStatus, UnavailableError
from housing_monitoring.retraining_gauges import RetrainingCollector
from housing_monitoring.retraining_watch import RetrainingWatch
from unit.monitoring.records import RECORDS


@pytest.fixture
def collector() -> RetrainingCollector:
    """A collector that knows all figures."""
    found = RetrainingCollector()
    found.records = RECORDS
    return found


def values(collector: RetrainingCollector) -> dict[str, float]:
    """Return the value of each series, by name and the values of its labels."""
    samples = [sample for family in collector.collect() for sample in family.samples]
    return {
        " ".join([sample.name.removeprefix("housing_"), *sample.labels.values()]): sample.value for sample in samples
    }


def test_each_figure_has_a_series(collector: RetrainingCollector) -> None:
    """Of what runs and waits, of what came of it, and of the champion."""
    assert values(collector) == {
        "retraining_watchers": 1,
        "retraining_watchers_alive": 1,
        "retraining_watchers_failing": 1,
        "retraining_pending_rows": 70,
        "retraining_waiting": 1,
        "retraining_waiting_since_timestamp_seconds": 380,
        "retraining_running": 1,
        "retraining_lease_held": 1,
        "retraining_running_since_timestamp_seconds": 200,
        "retrainings_on_record new_data refused": 3,
        "retraining_last_finished_timestamp_seconds new_data refused": 350,
        "retraining_last_duration_seconds": 150,
        "retraining_root_mean_squared_error_usd candidate 8": 42_000,
        "retraining_root_mean_squared_error_usd champion 7": 41_000,
        "retraining_error_difference_usd": 1_000,
        "retraining_error_difference_low_usd": -500,
        "retraining_error_difference_high_usd": 2_500,
        "retraining_stage_figure shadow psi": 0.01,
        "champion_trained_timestamp_seconds 7": 10,
        "champion_promotions": 2,
        "champion_rollbacks": 1,
        "champion_last_rollback_timestamp_seconds": 50,
    }


def test_what_is_not_known_has_no_series(collector: RetrainingCollector) -> None:
    """A service that was never retrained has counts, and no times or errors."""
    nothing = replace(
        RECORDS.status,
        watchers=(),
        waiting=0,
        waiting_since=None,
        running=None,
        lease_held=False,
        last_finished=None,
        last_compared=None,
        finished=(),
        last_rollback_at=None,
    )
    collector.records = replace(RECORDS, status=nothing)
    found = values(collector)
    assert not [name for name in found if "timestamp" in name and "trained" not in name]
    assert not [name for name in found if "error" in name or "record" in name]
    assert (found["retraining_running"], found["retraining_watchers_alive"]) == (0, 0)


class Service:
    """Answers, or fails."""

    def __init__(self) -> None:
        self.fails = False

    async def retraining_status(self) -> RetrainingStatus:
        """Return the state, or fail."""
        if self.fails:
            raise UnavailableError(Status(code=grpc.StatusCode.UNAVAILABLE.value[0], message="the log is down"))
        return RECORDS.status

    async def model(self) -> Model:
        """Describe the model."""
        return RECORDS.model


def test_service_that_fails_has_no_series_until_it_answers() -> None:
    """Old figures would hide that nobody knows."""
    service, registry = Service(), CollectorRegistry()
    watch = RetrainingWatch(service, structlog.get_logger())
    watch.register(registry)
    asyncio.run(watch.read())
    assert registry.get_sample_value("housing_champion_rollbacks") == 1
    service.fails = True
    asyncio.run(watch.read())
    assert registry.get_sample_value("housing_champion_rollbacks") is None
    service.fails = False
    asyncio.run(watch.read())
    assert registry.get_sample_value("housing_champion_rollbacks") == 1
