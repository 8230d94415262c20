"""What is reported of calls beside a retraining."""

from housing_benchmarks.retraining.report import render
from housing_benchmarks.retraining.run import QUIET, Measured, by_stage
from housing_benchmarks.retraining.timed_calls import TimedCall


def test_latencies_are_compared_by_stage() -> None:
    """Each call counts for the stage in which it was due; stages with too few calls are left out."""
    calls = [TimedCall(due=number / 100, seconds=0.001 if number < 1_000 else 0.003) for number in range(2_000)]
    stages = by_stage(calls, [(0, QUIET), (9.99, "data"), (10, "train"), (20, "end")])
    assert [(each.name, each.calls) for each in stages] == [(QUIET, 999), ("train", 1_000)]
    measured = Measured(
        date="2026-01-01T00:00:00+00:00",
        commit="abc",
        machine={"cores": 2, "processor": "a processor"},
        load_average=0.1,
        other_cores=0.2,
        quick=False,
        calls_per_second=100,
        stages=stages,
        failures={},
        verdict="promoted: it passed",
    )
    text = render(measured)
    assert "| train | 10.0 | 1,000 | 3.00 | 3.00 | 3.00 |" in text
    assert "The worst p99 of a stage is 3.0 times that without a retraining; the mark is 2." in text
    assert "Failed calls: none. The retraining ended: promoted: it passed" in text
