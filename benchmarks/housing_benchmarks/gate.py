"""The gate of the nightly benchmark: ratios must not be much worse than in an earlier run."""

from housing_benchmarks.marks import Mark, marks
from housing_benchmarks.results import Results


def regressions(before: Results, after: Results, tolerance: float) -> list[str]:
    """Describe the ratios that have become worse by more than a share of what they were.

    Args:
        before: the earlier run.
        after: the later run.
        tolerance: the share, such as 0.25.
    """
    earlier = {mark.what: mark.measured for mark in marks(before) if mark.unit == "x"}
    return [
        f"{mark.what}: {mark.measured:.3g} x, and {known:.3g} x before"
        for mark in marks(after)
        if mark.measured is not None
        and (known := earlier.get(mark.what)) is not None
        and is_worse(mark, known, tolerance)
    ]


def is_worse(mark: Mark, known: float, tolerance: float) -> bool:
    """Return whether a target's value is worse than a known one by more than a share of it."""
    if mark.measured is None:
        return False
    if mark.at_most:
        return mark.measured > known * (1 + tolerance)
    return mark.measured < known * (1 - tolerance)
