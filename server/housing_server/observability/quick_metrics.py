"""Functions that count in prometheus-client's metrics, without its checks and its search through the buckets.

For metrics of every call and run: there is no public way, and the library's own methods cost as much as the inference.
"""

# pylint: disable=protected-access  # see above

from bisect import bisect_left
from collections import Counter as Counts
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray
from prometheus_client import Counter, Histogram

Count = Callable[[float], None]
"""Adds an amount, or observes a value."""
CountEach = Callable[[Sequence[float]], None]
"""Observes each of some values."""
CountMany = Callable[[NDArray[np.int64], NDArray[np.float64]], None]
"""Observes n values in the histograms with these indexes."""


def counting(counter: Counter) -> Count:
    """Return the function that adds to a counter, which has all its labels."""
    count: Count = counter._value.inc
    return count


def observing(histogram: Histogram) -> Count:
    """Return the function that observes a value in a histogram, which has all its labels."""
    bounds, buckets, add = histogram._upper_bounds, [each.inc for each in histogram._buckets], histogram._sum.inc

    def observe(value: float) -> None:
        add(value)
        buckets[bisect_left(bounds, value)](1.0)

    return observe


def observing_each(histogram: Histogram) -> CountEach:
    """Return the function that observes a few values at once in a histogram, which has all its labels."""
    bounds, buckets, add = histogram._upper_bounds, [each.inc for each in histogram._buckets], histogram._sum.inc

    def observe(values: Sequence[float]) -> None:
        add(sum(values))
        for bucket, count in Counts(bisect_left(bounds, value) for value in values).items():
            buckets[bucket](float(count))

    return observe


def observing_many(histograms: Sequence[Histogram]) -> CountMany:
    """Return the function that observes many values at once in histograms with the same buckets."""
    bounds = np.array(histograms[0]._upper_bounds)
    buckets = [bucket.inc for histogram in histograms for bucket in histogram._buckets]
    sums = [histogram._sum.inc for histogram in histograms]

    def observe(which: NDArray[np.int64], values: NDArray[np.float64]) -> None:
        counts = np.bincount(which * len(bounds) + np.searchsorted(bounds, values, side="left"))
        for bucket in np.flatnonzero(counts).tolist():
            buckets[bucket](float(counts[bucket]))
        for histogram, total in enumerate(np.bincount(which, weights=values).tolist()):
            if total:
                sums[histogram](total)

    return observe
