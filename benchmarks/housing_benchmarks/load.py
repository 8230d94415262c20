"""The measurements of a load generator."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

CONNECTIONS = 16
"""Enough connections to spread over workers, although the kernel distributes them at random."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """The calls of one run of a load generator."""

    calls: int
    """Calls answered, with or without an error."""
    seconds: float
    """Time from the first call to the end of the last."""
    p50_seconds: float
    """Median latency."""
    p99_seconds: float
    """99th percentile of the latency."""
    failures: Mapping[str, int]
    """Failed calls by status."""
    p95_seconds: float | None = None
    """95th percentile of the latency; None where the load generator does not report it."""
    refused_p50_seconds: float | None = None
    """Median latency of refusals under overload; None without any."""
    refused_p99_seconds: float | None = None
    """99th percentile of the same."""


def percentile(ordered: Sequence[float], percent: float) -> float:
    """Return a percentile of sorted values, by the nearest-rank method.

    Raises:
        ValueError: there are no values.
    """
    if not ordered:
        raise ValueError("no values have no percentile")
    rank = -(-len(ordered) * percent // 100)
    return ordered[max(int(rank), 1) - 1]
