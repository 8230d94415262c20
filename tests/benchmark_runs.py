"""A run made by hand, with round figures."""

from housing_benchmarks import names
from housing_benchmarks.results import Results
from housing_benchmarks.trials import Sample


def sample(contestant: str, repeat: int, *, scenario: str = names.unary(64), **changes: float) -> Sample:
    """Make a sample of 1,000 calls in a second, at 500 us of CPU each."""
    figures = {"calls": 1000, "rows": 1000, "seconds": 1.0, "cpu_seconds": 0.5} | changes
    return Sample(
        scenario=scenario,
        contestant=contestant,
        repeat=repeat,
        calls=int(figures["calls"]),
        rows=int(figures["rows"]),
        seconds=figures["seconds"],
        p50_seconds=0.001,
        p99_seconds=0.01,
        cpu_seconds=figures["cpu_seconds"],
        rss_bytes=2**20,
        failures={},
    )


def results(*samples: Sample) -> Results:
    """Make a run of samples."""
    return Results(
        date="2026-11-23T00:00:00+00:00",
        commit="0123abc",
        load_average=0.1,
        machine={"cores": 2, "packages": {"grpcio": "1.85"}},
        workers=2,
        ready_seconds={names.HOUSING: 3.0},
        resident_bytes={"worker-0": 2**20},
        absent={},
        samples=samples,
    )
