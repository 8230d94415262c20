"""The classes by which the errors of answers are expected: training measures and monitoring estimates with the same."""

from bisect import bisect_right

from housing.v1.model_profile_pb2 import ExpectedErrors


def scale(price: float, lower: float, upper: float, *, upper_open: bool) -> float:
    """Return the scale that an answer gives its own error, in USD.

    Args:
        price: the answer, in USD.
        lower: lower bound of its interval, in USD.
        upper: upper bound, in USD.
        upper_open: whether the upper bound is the census's cap, which tells nothing of the width.
    """
    return 2 * (price - lower) if upper_open else upper - lower


def class_of(expected: ExpectedErrors, of_scale: float) -> int:
    """Return the index of the class that a scale belongs to."""
    return bisect_right(expected.edges, of_scale)
