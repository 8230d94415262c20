"""The resources of processes over time, and their growth."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

_LONGEST_WARM_UP_SECONDS = 120.0
_WARM_UP = 0.25
"""Share of a short soak."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """The resources of one process at one time."""

    seconds: float
    """Time since the start of the load."""
    process: str
    """`worker-0`, `envoy`, ..."""
    rss_bytes: int
    """Resident memory."""
    open_files: int
    """File descriptors."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """A line fitted to the measurements after the warm-up, by least squares."""

    begins: float
    """Value at the end of the warm-up."""
    ends: float
    """Value at the end."""
    per_minute: float
    """Slope per minute."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Trend:
    """The trend of one process after the warm-up."""

    process: str
    rss: Line
    """Resident memory, in bytes."""
    peak_rss_bytes: int
    """Maximum, warm-up included."""
    files: Line
    """File descriptors."""


def warm_up_seconds(seconds: float) -> float:
    """Return the part of a soak that is excluded from trends, while caches fill and allocators settle."""
    return min(seconds * _WARM_UP, _LONGEST_WARM_UP_SECONDS)


def trends(samples: Sequence[Sample], seconds: float) -> list[Trend]:
    """Fit the trend of each process that exists after the warm-up, in the order of their first samples.

    Args:
        samples: the samples of the whole soak.
        seconds: its duration.
    """
    return [
        Trend(
            process=process,
            rss=_fit([(each.seconds, each.rss_bytes) for each in late]),
            peak_rss_bytes=max(each.rss_bytes for each in samples if each.process == process),
            files=_fit([(each.seconds, each.open_files) for each in late]),
        )
        for process, late in _late(samples, warm_up_seconds(seconds)).items()
    ]


def _late(samples: Sequence[Sample], warm_up: float) -> dict[str, list[Sample]]:
    names = dict.fromkeys(each.process for each in samples)
    late = {name: [each for each in samples if each.process == name and each.seconds >= warm_up] for name in names}
    return {name: found for name, found in late.items() if len(found) > 1}


def _fit(points: Sequence[tuple[float, float]]) -> Line:
    times, values = np.array(points, dtype=np.float64).T
    slope, at_first = np.polyfit(times - times[0], values, 1)
    return Line(
        begins=float(at_first),
        ends=float(at_first + slope * (times[-1] - times[0])),
        per_minute=float(slope * 60),
    )
