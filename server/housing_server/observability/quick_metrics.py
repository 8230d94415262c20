"""Functions that count in prometheus-client's metrics, without its checks and its search through the buckets.

For metrics of every call and run: there is no public way, and the library's own methods cost as much as the inference.
"""

# pylint: disable=protected-access  # see above

from bisect import bisect_left
from collections.abc import Callable

from prometheus_client import Counter, Histogram

Count = Callable[[float], None]
"""Adds an amount, or observes a value."""


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
