"""The figures by which samples are compared."""

import math

from housing_benchmarks.ghz import REFUSED, TOO_LATE
from housing_benchmarks.trials import Sample


def throughput(sample: Sample) -> float:
    """Return rows per second."""
    return sample.rows_per_second


def goodput(sample: Sample) -> float:
    """Return rows per second that were answered successfully and in time."""
    return sample.rows_per_second * answered_share(sample)


def cpu_per_call(sample: Sample) -> float:
    """Return processor seconds per call."""
    return sample.cpu_seconds_per_call


def microseconds_per_call(sample: Sample) -> float:
    """Processor microseconds a call."""
    return sample.cpu_seconds_per_call * 1e6


def cpu_per_row(sample: Sample) -> float:
    """Return processor seconds per row."""
    return sample.cpu_seconds_per_row


def rows_per_core_second(sample: Sample) -> float:
    """Return rows per processor second."""
    return 1 / sample.cpu_seconds_per_row


def p50(sample: Sample) -> float:
    """Return the median latency of calls, in seconds."""
    return sample.p50_seconds


def microseconds_p50(sample: Sample) -> float:
    """Return the median latency of calls, in microseconds."""
    return sample.p50_seconds * 1e6


def milliseconds_p50(sample: Sample) -> float:
    """Return the median latency of calls, in milliseconds."""
    return sample.p50_seconds * 1e3


def milliseconds_p95(sample: Sample) -> float:
    """Return the 95th percentile of the latency of calls, in milliseconds; NaN where it was not reported."""
    return math.nan if sample.p95_seconds is None else sample.p95_seconds * 1e3


def p99(sample: Sample) -> float:
    """Return the 99th percentile of the latency of calls, in seconds."""
    return sample.p99_seconds


def milliseconds_p99(sample: Sample) -> float:
    """Return the 99th percentile of the latency of calls, in milliseconds."""
    return sample.p99_seconds * 1e3


def answered_share(sample: Sample) -> float:
    """Return the share of calls that succeeded in time."""
    return 1 - sum(sample.failures.values()) / sample.calls


def refused_share(sample: Sample) -> float:
    """Return the share of calls that were refused under overload."""
    return sample.failures.get(REFUSED, 0) / sample.calls


def late_share(sample: Sample) -> float:
    """Return the share of calls whose deadline passed."""
    return sample.failures.get(TOO_LATE, 0) / sample.calls


def lost_share(sample: Sample) -> float:
    """Return the share of calls that failed in any other way."""
    lost = (count for status, count in sample.failures.items() if status not in (REFUSED, TOO_LATE))
    return sum(lost) / sample.calls


def refusal_p50(sample: Sample) -> float:
    """Return the median latency of refusals, in seconds; NaN without any."""
    return math.nan if sample.refused_p50_seconds is None else sample.refused_p50_seconds


def refusal_p99(sample: Sample) -> float:
    """Return the 99th percentile of the latency of refusals, in seconds; NaN without any."""
    return math.nan if sample.refused_p99_seconds is None else sample.refused_p99_seconds
