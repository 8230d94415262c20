"""Measurement of trials: those to be compared are alternated repeatedly, so that all see the same noise."""

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
    """Durations and repetitions."""

    seconds: float
    """Time for one measurement of a busy server; the others take about as long."""
    repeats: int
    """Repetitions of each scenario."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """A measurement to make."""

    scenario: str
    """The scenario, for example `unary, 64 in flight`."""
    contestant: str
    """The contestant, for example `housing`."""
    drive: Callable[[], Load]
    """Runs the load."""
    usage: Callable[[], Usage]
    """Returns the contestant's usage so far."""
    failed: Callable[[], Failures] = _no_failures
    """Returns the number of failed calls so far by the contestant's own count, by status."""
    finish: Callable[[], None] = _nothing_to_finish
    """Waits until the contestant has finished all work caused by the calls."""
    rows: int = 1
    """Predictions per call."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """A measurement."""

    scenario: str
    """The trial's scenario."""
    contestant: str
    """The trial's contestant."""
    repeat: int
    """Index of the repetition, from 0: samples of one repetition were taken in direct succession."""
    calls: int
    """Calls answered."""
    rows: int
    """Predictions requested."""
    seconds: float
    """Duration."""
    p50_seconds: float
    """Median latency."""
    p99_seconds: float
    """99th percentile of the latency."""
    cpu_seconds: float
    """Processor time of the contestant during the measurement."""
    rss_bytes: int
    """Its resident memory afterwards."""
    failures: Failures
    """Failed calls by status."""
    p95_seconds: float | None = None
    """95th percentile of the latency; None where the load generator does not report it."""
    refused_p50_seconds: float | None = None
    """Median latency of refusals under overload; None without any."""
    refused_p99_seconds: float | None = None
    """99th percentile of the same."""

    @property
    def rows_per_second(self) -> float:
        """Throughput."""
        return self.rows / self.seconds

    @property
    def cpu_seconds_per_row(self) -> float:
        """Processor time per prediction."""
        return self.cpu_seconds / self.rows

    @property
    def cpu_seconds_per_call(self) -> float:
        """Processor time per call."""
        return self.cpu_seconds / self.calls


def measure(trials: Sequence[Trial], repeats: int, *, leave_out: bool = False) -> Iterator[Sample]:
    """Run trials in alternation, `repeats` times.

    Args:
        trials: what to measure.
        repeats: how often.
        leave_out: whether a trial without an answer is left out of its turn, rather than an error.

    Raises:
        BenchmarkError: no call of a trial was answered.
    """
    for repeat in range(repeats):
        for trial in trials:
            try:
                sample = _measure_once(trial, repeat)
            except BenchmarkError as error:
                if not leave_out:
                    raise
                click.echo(f"{trial.scenario}: {trial.contestant} is left out of turn {repeat + 1}: {error}", err=True)
                continue
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
        p95_seconds=load.p95_seconds,
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
    """Return the larger count: load generators see lost connections, the server sees failures they count as success."""
    return dict(seen) if sum(seen.values()) >= sum(counted.values()) else dict(counted)
