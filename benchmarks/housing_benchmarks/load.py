"""What a load generator saw."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

CONNECTIONS = 16
"""Enough for connections, which the kernel deals out at random, to spread over workers."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """The calls that one run of a load generator has made."""

    calls: int
    """Calls that were answered, with errors or without."""
    seconds: float
    """From the first call to the end of the last."""
    p50_seconds: float
    """Half of the calls took no longer."""
    p99_seconds: float
    """99 of 100 calls took no longer."""
    failures: Mapping[str, int]
    """Calls that ended with an error, by status."""
    refused_p50_seconds: float | None = None
    """Half of the refusals for lack of room took no longer; None when there were none."""
    refused_p99_seconds: float | None = None
    """99 of 100 refusals took no longer; None likewise."""


def percentile(ordered: Sequence[float], percent: float) -> float:
    """Find the least value that so many percent of the values do not exceed (the nearest-rank method).

    Raises:
        ValueError: there are no values.
    """
    if not ordered:
        raise ValueError("no values have no percentile")
    rank = -(-len(ordered) * percent // 100)
    return ordered[max(int(rank), 1) - 1]
