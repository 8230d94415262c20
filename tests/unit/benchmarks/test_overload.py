"""More load than the service can take."""

from collections.abc import Callable
from pathlib import Path

import pytest

from housing.example import BERKELEY
from housing.rows import message_from_mapping
from housing_benchmarks import names
from housing_benchmarks.ghz import GrpcLoad
from housing_benchmarks.load import Load
from housing_benchmarks.overload import DEADLINE_SECONDS, overload, overload_of_batches
from housing_benchmarks.payloads import Payloads
from housing_benchmarks.processes import Server
from housing_benchmarks.service import Service
from housing_benchmarks.service_trials import ServiceTrials
from housing_benchmarks.trials import Trial

ANSWERS = Load(calls=10, seconds=1.0, p50_seconds=0.1, p99_seconds=0.2, failures={})


@pytest.fixture
def loads(monkeypatch: pytest.MonkeyPatch) -> list[GrpcLoad]:
    """The loads that were driven, in order, each of which ghz would have answered."""
    driven: list[GrpcLoad] = []

    def run(load: GrpcLoad) -> Load:
        driven.append(load)
        return ANSWERS

    monkeypatch.setattr(GrpcLoad, "run", run)
    return driven


@pytest.fixture
def ours(tmp_path: Path) -> ServiceTrials:
    """A service that nobody asks."""
    service = Service(
        server=Server(pid=0, log=tmp_path / "log", ready_seconds=0), grpc_port=1, metrics_port=1, log_mode="off"
    )
    payloads = Payloads(folder=tmp_path, block_groups=[message_from_mapping(BERKELEY)])
    return ServiceTrials(service=service, payloads=payloads, seconds=1.0)


@pytest.mark.parametrize(("make", "peak"), [(overload, names.SATURATED), (overload_of_batches, 4)])
def test_load_is_many_times_the_peak(
    ours: ServiceTrials, loads: list[GrpcLoad], make: Callable[[ServiceTrials], list[Trial]], peak: int
) -> None:
    """As many calls as keep every worker busy, then five and fifty times as many, whose callers wait a second."""
    for trial in make(ours):
        trial.drive()
    assert [load.in_flight for load in loads] == [peak, 5 * peak, 50 * peak]
    assert [load.deadline_seconds for load in loads] == [None, DEADLINE_SECONDS, DEADLINE_SECONDS]


def test_callers_say_what_was_in_time(ours: ServiceTrials) -> None:
    """An answer that came too late is no failure to the server, so its count is not asked for."""
    _, *overloaded = overload(ours)
    assert [trial.failed() for trial in overloaded] == [{}, {}]
