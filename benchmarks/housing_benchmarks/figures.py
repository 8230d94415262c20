"""Figures that samples are compared by."""

import math

from housing_benchmarks.ghz import REFUSED, TOO_LATE
from housing_benchmarks.trials import Sample


def throughput(sample: Sample) -> float:
    """Rows a second."""
    return sample.rows_per_second


def goodput(sample: Sample) -> float:
    """Rows a second that were answered well, and in time."""
    return sample.rows_per_second * answered_share(sample)


def cpu_per_call(sample: Sample) -> float:
    """Processor seconds a call."""
    return sample.cpu_seconds_per_call


def cpu_per_row(sample: Sample) -> float:
    """Processor seconds a row."""
    return sample.cpu_seconds_per_row


def rows_per_core_second(sample: Sample) -> float:
    """Rows that one second of a processor answers."""
    return 1 / sample.cpu_seconds_per_row


def p50(sample: Sample) -> float:
    """Seconds that half of the calls do not exceed."""
    return sample.p50_seconds


def p99(sample: Sample) -> float:
    """Seconds that 99 of 100 calls do not exceed."""
    return sample.p99_seconds


def milliseconds_p99(sample: Sample) -> float:
    """Milliseconds that 99 of 100 calls do not exceed."""
    return sample.p99_seconds * 1e3


def answered_share(sample: Sample) -> float:
    """Share of calls that were answered well, and in time."""
    return 1 - sum(sample.failures.values()) / sample.calls


def refused_share(sample: Sample) -> float:
    """Share of calls that were refused for lack of room."""
    return sample.failures.get(REFUSED, 0) / sample.calls


def late_share(sample: Sample) -> float:
    """Share of calls whose caller has waited in vain."""
    return sample.failures.get(TOO_LATE, 0) / sample.calls


def lost_share(sample: Sample) -> float:
    """Share of calls that have failed in any other way."""
    lost = (count for status, count in sample.failures.items() if status not in (REFUSED, TOO_LATE))
    return sum(lost) / sample.calls


def refusal_p50(sample: Sample) -> float:
    """Seconds that half of the refusals do not exceed; NaN without any."""
    return math.nan if sample.refused_p50_seconds is None else sample.refused_p50_seconds


def refusal_p99(sample: Sample) -> float:
    """Seconds that 99 of 100 refusals do not exceed; NaN without any."""
    return math.nan if sample.refused_p99_seconds is None else sample.refused_p99_seconds
