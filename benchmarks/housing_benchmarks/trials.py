"""Measuring: trials that belong together are run in turn, again and again, so that all meet the same noise."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import click

from housing_benchmarks.errors import BenchmarkError
from housing_benchmarks.load import Load
from housing_benchmarks.processes import Usage

Failures = Mapping[str, int]


def _no_failures() -> Failures:
    return {}


def _nothing_to_finish() -> None:
    """Do nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """How long and how often."""

    seconds: float
    """Time for one measurement of a busy server; the others take about as long."""
    repeats: int
    """Turns of each scenario."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """Something to measure."""

    scenario: str
    """What is done, for example `unary, 64 in flight`."""
    contestant: str
    """Who does it, for example `housing`."""
    drive: Callable[[], Load]
    """Does it for a while."""
    usage: Callable[[], Usage]
    """What the contestant's processes have used so far."""
    failed: Callable[[], Failures] = _no_failures
    """How many calls have failed so far by the contestant's own count, by status."""
    finish: Callable[[], None] = _nothing_to_finish
    """Waits until the contestant has done all the work that the calls have given it."""
    rows: int = 1
    """Predictions that are asked for by one call."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """What was measured once."""

    scenario: str
    """As in the trial."""
    contestant: str
    """As in the trial."""
    repeat: int
    """Which turn it was, from 0: samples of one turn were taken one right after the other."""
    calls: int
    """Calls answered."""
    rows: int
    """Predictions asked for."""
    seconds: float
    """How long it took."""
    p50_seconds: float
    """Half of the calls took no longer."""
    p99_seconds: float
    """99 of 100 calls took no longer."""
    cpu_seconds: float
    """Processor time that the contestant used meanwhile."""
    rss_bytes: int
    """Its resident memory afterwards."""
    failures: Failures
    """Calls that failed, by status."""
    refused_p50_seconds: float | None = None
    """Half of the refusals for lack of room took no longer; None when there were none."""
    refused_p99_seconds: float | None = None
    """99 of 100 refusals took no longer; None likewise."""

    @property
    def rows_per_second(self) -> float:
        """Throughput."""
        return self.rows / self.seconds

    @property
    def cpu_seconds_per_row(self) -> float:
        """Processor time for one prediction."""
        return self.cpu_seconds / self.rows

    @property
    def cpu_seconds_per_call(self) -> float:
        """Processor time for one call."""
        return self.cpu_seconds / self.calls


def measure(trials: Sequence[Trial], repeats: int) -> Iterator[Sample]:
    """Run trials in turn, so many times.

    Raises:
        BenchmarkError: a trial has no answer at all.
    """
    for repeat in range(repeats):
        for trial in trials:
            sample = _measure_once(trial, repeat)
            click.echo(
                f"{trial.scenario}: {trial.contestant} ({repeat + 1}/{repeats}): {sample.rows_per_second:,.0f} rows/s, "
                f"{sample.cpu_seconds_per_call * 1e6:,.0f} us CPU a call",
                err=True,
            )
            yield sample


def _measure_once(trial: Trial, repeat: int) -> Sample:
    failed, before = trial.failed(), trial.usage()
    load = trial.drive()
    trial.finish()
    after = trial.usage()
    if load.calls == 0:
        raise BenchmarkError(f"{trial.scenario}: {trial.contestant} answered no call: {dict(load.failures)}")
    return Sample(
        scenario=trial.scenario,
        contestant=trial.contestant,
        repeat=repeat,
        calls=load.calls,
        rows=load.calls * trial.rows,
        seconds=load.seconds,
        p50_seconds=load.p50_seconds,
        p99_seconds=load.p99_seconds,
        cpu_seconds=after.cpu_seconds - before.cpu_seconds,
        rss_bytes=after.rss_bytes,
        failures=_larger(load.failures, _difference(trial.failed(), failed)),
        refused_p50_seconds=load.refused_p50_seconds,
        refused_p99_seconds=load.refused_p99_seconds,
    )


def _difference(after: Failures, before: Failures) -> Failures:
    grown = {status: count - before.get(status, 0) for status, count in after.items()}
    return {status: count for status, count in grown.items() if count}


def _larger(seen: Failures, counted: Failures) -> Failures:
    """Believe whoever counted more: h2load and ghz see lost connections, the server sees what they take for success."""
    return dict(seen) if sum(seen.values()) >= sum(counted.values()) else dict(counted)
