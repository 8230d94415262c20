"""Medians and ratios of a run, and its way through JSON."""

import math
from dataclasses import replace
from pathlib import Path

import pytest

from benchmark_runs import results, sample
from housing_benchmarks import names
from housing_benchmarks.figures import p99, throughput
from housing_benchmarks.load import percentile
from housing_benchmarks.marks import marks
from housing_benchmarks.results import Results

SATURATED = names.unary(64)


def test_ratio_is_taken_within_turns() -> None:
    """Noise that slows both contestants of a turn down leaves the ratio as it is."""
    run = results(
        *(sample(names.NO_OP, turn, seconds=seconds) for turn, seconds in enumerate((1, 4, 1))),
        *(sample(names.HOUSING, turn, seconds=2 * seconds) for turn, seconds in enumerate((1, 4, 1))),
    )
    assert run.ratio(throughput, (SATURATED, names.HOUSING), (SATURATED, names.NO_OP)) == 0.5


def test_ratio_leaves_out_turns_of_one_only() -> None:
    """A turn in which only one of two was measured says nothing about their ratio."""
    run = results(sample(names.NO_OP, 0), sample(names.HOUSING, 0), sample(names.HOUSING, 1, seconds=100))
    assert run.ratio(throughput, (SATURATED, names.HOUSING), (SATURATED, names.NO_OP)) == 1


def test_what_was_not_measured_has_no_figure() -> None:
    """Neither a median nor a ratio is made up."""
    run = results(sample(names.HOUSING, 0))
    assert run.typical((SATURATED, names.NO_OP), throughput) is None
    assert run.ratio(throughput, (SATURATED, names.HOUSING), (SATURATED, names.NO_OP)) is None


@pytest.mark.parametrize(("seconds", "held"), [(1.0, True), (2.0, False)])
def test_mark_is_held_or_not(seconds: float, *, held: bool) -> None:
    """The first mark asks for 0.85 of the no-op server's throughput."""
    run = results(sample(names.NO_OP, 0), sample(names.HOUSING, 0, seconds=seconds))
    assert marks(run)[0].held is held


def test_upper_mark_is_held_from_below() -> None:
    """The second mark allows 1.2 times the no-op server's processor time."""
    run = results(sample(names.NO_OP, 0), sample(names.HOUSING, 0, cpu_seconds=0.7))
    assert marks(run)[1].held is False
    assert marks(replace(run, samples=[sample(names.NO_OP, 0), sample(names.HOUSING, 0)]))[1].held is True


@pytest.mark.parametrize(("lost", "held"), [(100, True), (300, False)])
def test_goodput_leaves_out_what_failed(lost: int, *, held: bool) -> None:
    """Under overload only the calls that were answered well and in time count, against 0.8 of the peak."""
    overloaded = sample(names.OVERLOADED, 0, scenario=names.OVERLOAD)
    run = results(
        sample(names.HOUSING, 0, scenario=names.OVERLOAD),
        replace(overloaded, failures={"ResourceExhausted": lost - 50, "DeadlineExceeded": 50}),
    )
    (mark,) = (each for each in marks(run) if each.what.startswith("unary goodput"))
    assert mark.measured == pytest.approx(1 - lost / 1000)
    assert mark.held is held


def test_samples_without_a_latency_are_left_out_of_its_median() -> None:
    """A turn in which no call succeeded has no latency, and does not turn the median into nothing."""
    turns = [
        replace(sample(names.HOUSING, turn), p99_seconds=seconds) for turn, seconds in enumerate((0.2, math.nan, 0.2))
    ]
    assert results(*turns).typical((SATURATED, names.HOUSING), p99) == 0.2
    assert results(turns[1]).typical((SATURATED, names.HOUSING), p99) is None


def test_mark_that_was_not_measured_is_neither() -> None:
    """Without the peers, their marks are open."""
    assert all(mark.held is None for mark in marks(replace(results(), resident_bytes={})))


def test_run_survives_json(tmp_path: Path) -> None:
    """Reports can be made again from what was written."""
    run = results(sample(names.NO_OP, 0), sample(names.HOUSING, 0))
    run.write(tmp_path / "results.json")
    again = Results.read(tmp_path / "results.json")
    assert list(again.samples) == list(run.samples)
    assert replace(again, samples=run.samples) == run


@pytest.mark.parametrize(("percent", "value"), [(50, 2.0), (99, 4.0), (25, 1.0), (0, 1.0)])
def test_percentile_is_one_of_the_values(percent: float, value: float) -> None:
    """The least value that so many percent do not exceed, by nearest rank."""
    assert percentile([1.0, 2.0, 3.0, 4.0], percent) == value


def test_nothing_has_no_percentile() -> None:
    """Rather than 0."""
    with pytest.raises(ValueError, match="no values"):
        percentile([], 50)
