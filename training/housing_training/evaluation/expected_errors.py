"""The errors to expect of a model's answers, by the scale that it gives them: kept in its profile.

With them the monitor estimates the error of answers whose true prices are not known: see docs/monitoring.md.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from housing.expected_errors import class_of, scale
from housing.graph import INTERVAL, INTERVAL_UPPER_OPEN, PRICE, WARNINGS
from housing.v1.model_profile_pb2 import ErrorMoments, ExpectedErrors
from housing_training.data.rows import Prices

CLASSES = 20
"""The most classes of scales; with fewer rows there are fewer."""
LEAST_ROWS = 50
"""What a class must have, and rows with a warning, for their mean errors to be known to a seventh or so."""

_Numbers = npt.NDArray[np.float64]


def expected_errors(
    answer: Mapping[str, npt.NDArray[Any]], prices: Prices, warnings: Sequence[str]
) -> ExpectedErrors | None:
    """Measure the errors of answers on rows that were not trained on; None without intervals, or with too few rows.

    Args:
        answer: the outputs of the graph by name, for m rows.
        prices: true prices, in USD, shape (m,).
        warnings: reasons of the warnings, in the order of the columns of that output.
    """
    if INTERVAL not in answer:
        return None
    warned = answer[WARNINGS].any(axis=1) if WARNINGS in answer else np.zeros(len(prices), dtype=bool)
    scales, errors = _scales(answer), np.abs(answer[PRICE] - prices)
    count = min(CLASSES, int((~warned).sum()) // LEAST_ROWS)
    if count == 0:
        return None
    expected = ExpectedErrors(edges=_edges(scales[~warned], count), warnings=warnings)
    classes = np.array([class_of(expected, each) for each in scales.tolist()])
    expected.classes.extend(
        _moments(errors[~warned & (classes == each)], digits=2) for each in range(len(expected.edges) + 1)
    )
    if warned.sum() >= LEAST_ROWS:
        expected.warned.CopyFrom(_multiples(expected, classes[warned], errors[warned]))
    return expected


def _scales(answer: Mapping[str, npt.NDArray[Any]]) -> _Numbers:
    columns = (answer[PRICE], *answer[INTERVAL].T, answer[INTERVAL_UPPER_OPEN])
    rows = zip(*(column.tolist() for column in columns), strict=True)
    # In cents: the last bits differ by machine.
    return np.array([round(scale(price, lower, upper, upper_open=is_open), 2) for price, lower, upper, is_open in rows])


def _edges(scales: _Numbers, count: int) -> list[float]:
    """Return the quantiles between `count` classes; where scales are equal, there are fewer classes."""
    inner = np.linspace(0, 1, count + 1)[1:-1]
    edges = np.unique(np.quantile(scales, inner, method="inverted_cdf"))
    return [float(edge) for edge in edges if edge > scales.min()]


def _moments(errors: _Numbers, digits: int) -> ErrorMoments:
    squares = errors**2
    return ErrorMoments(
        rows=len(errors),
        absolute_mean=round(float(errors.mean()), digits),
        absolute_variance=round(float(errors.var()), digits),
        squared_mean=round(float(squares.mean()), digits),
        squared_variance=round(float(squares.var()), digits),
    )


def _multiples(expected: ExpectedErrors, classes: npt.NDArray[np.int64], errors: _Numbers) -> ErrorMoments:
    """Measure errors as multiples of what their classes expect: absolute and squared ones apart."""
    absolute = errors / np.array([expected.classes[each].absolute_mean for each in classes])
    squared = errors**2 / np.array([expected.classes[each].squared_mean for each in classes])
    return ErrorMoments(
        rows=len(errors),
        absolute_mean=round(float(absolute.mean()), 6),
        absolute_variance=round(float(absolute.var()), 6),
        squared_mean=round(float(squared.mean()), 6),
        squared_variance=round(float(squared.var()), 6),
    )
