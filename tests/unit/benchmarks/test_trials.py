"""Trials in turn."""

from collections.abc import Iterator
from dataclasses import replace

import pytest

from housing_benchmarks.errors import BenchmarkError
from housing_benchmarks.load import Load
from housing_benchmarks.processes import Usage
from housing_benchmarks.trials import Trial, measure


def load(calls: int = 10, **failures: int) -> Load:
    """Make a load of a second."""
    return Load(calls=calls, seconds=1.0, p50_seconds=0.1, p99_seconds=0.2, failures=failures)


def trial(contestant: str, outcome: Load, counts: Iterator[dict[str, int]] | None = None) -> Trial:
    """Make a trial whose contestant uses 1 s of CPU between one look and the next."""
    seconds = iter(range(1000))
    return Trial(
        scenario="unary",
        contestant=contestant,
        drive=lambda: outcome,
        usage=lambda: Usage(cpu_seconds=next(seconds), rss_bytes=1),
        failed=(lambda: next(counts)) if counts else dict,
        rows=5,
    )


def test_contestants_take_turns() -> None:
    """One after the other, and then again, so that noise meets all alike."""
    samples = measure([trial("a", load()), trial("b", load())], repeats=2)
    assert [(each.contestant, each.repeat) for each in samples] == [("a", 0), ("b", 0), ("a", 1), ("b", 1)]


def test_processor_time_is_that_of_the_trial() -> None:
    """What was used before is left out; rows are those of all calls."""
    (sample,) = measure([trial("a", load(calls=10))], repeats=1)
    assert (sample.cpu_seconds, sample.rows) == (1, 50)
    assert (sample.cpu_seconds_per_call, sample.cpu_seconds_per_row, sample.rows_per_second) == (0.1, 0.02, 50)


def test_failures_that_only_the_server_has_seen_are_told() -> None:
    """A load generator that takes gRPC errors for success does not hide them; earlier ones are left out."""
    counts = iter([{"INTERNAL": 2}, {"INTERNAL": 5}])
    (sample,) = measure([trial("a", load(), counts)], repeats=1)
    assert sample.failures == {"INTERNAL": 3}


def test_failures_that_only_the_caller_has_seen_are_told() -> None:
    """Connections that were lost are no call to the server."""
    (sample,) = measure([trial("a", load(Unavailable=4))], repeats=1)
    assert sample.failures == {"Unavailable": 4}


def test_work_left_behind_is_counted() -> None:
    """What a contestant still has to do when the last call is answered belongs to the calls."""
    used = [0.0]
    finishing = replace(
        trial("a", load(calls=10)),
        usage=lambda: Usage(cpu_seconds=used[0], rss_bytes=1),
        finish=lambda: used.append(used.pop() + 3.0),
    )
    (sample,) = measure([finishing], repeats=1)
    assert sample.cpu_seconds == 3.0


def test_no_answer_at_all_is_an_error() -> None:
    """Rather than a figure divided by nothing."""
    with pytest.raises(BenchmarkError, match="answered no call"):
        list(measure([trial("a", load(calls=0))], repeats=1))


def test_trial_without_an_answer_can_be_left_out_of_its_turn() -> None:
    """The others are measured all the same."""
    silent, answering = trial("a", load(calls=0)), trial("b", load())
    assert [sample.contestant for sample in measure([silent, answering], repeats=2, leave_out=True)] == ["b", "b"]
