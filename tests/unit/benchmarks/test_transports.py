"""What the report says of the two transports."""

from benchmark_runs import results, sample
from housing_benchmarks import names
from housing_benchmarks.marks import marks
from housing_benchmarks.report import render
from housing_benchmarks.results import Results

SATURATED, ALONE = names.shape(8, 8), names.shape(1, 1)
CPU = {names.NO_OP: 0.1, names.BARE: 0.3, names.NO_OP_GO: 0.01, names.NO_OP_ASGI: 0.02, names.ENVOY: 0.06}
"""Seconds for 1,000 calls."""


def run(**changes: float) -> Results:
    """Make a run in which the service inside Envoy takes 60 us a call, and twice the calls of the others."""
    contestants = {
        name: {"cpu_seconds": cost} | ({"seconds": 0.5} | changes if name == names.ENVOY else {})
        for name, cost in CPU.items()
    }
    made = [
        sample(name, 0, scenario=shape, **figures)
        for shape in (SATURATED, ALONE)
        for name, figures in contestants.items()
    ]
    return results(*made)


def held(made: Results) -> dict[str, bool | None]:
    """Return which marks of the transport inside Envoy a run holds, by what follows their first words."""
    return {each.what.partition(": ")[2] or each.what: each.held for each in marks(made) if "inside Envoy" in each.what}


def test_marks_inside_envoy_are_held_against_each_limit() -> None:
    """Twice the calls at 0.6 times the CPU of the no-op server, 6 times that of Go's."""
    found = held(run())
    assert found["throughput to the no-op server's"] is True
    assert found["CPU per call, to the no-op server's"] is True
    assert found["throughput to that of bare grpc.aio + ONNX Runtime"] is False
    assert found["CPU per call, to that of a no-op application there"] is False
    assert found["CPU per call, to that of a no-op server in Go"] is False
    assert found["p50 to the no-op server's"] is True
    assert found["CPU"] is True
    assert found["p99 at 3,000 calls/s offered"] is None


def test_report_shows_all_contestants_and_ratios_to_them() -> None:
    """By connections and streams; a dash where nothing was measured."""
    text = render(run())
    assert f"| {names.NO_OP_GO} | 10.0 | - | 10.0 | - |" in text
    assert f"| {names.ENVOY} | 2,000 | - | 2,000 | - |" in text
    assert f"| {names.NO_OP_GO} | 6.00 x | - | 6.00 x | - |" in text
