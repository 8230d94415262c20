"""The error of answers whose true prices are not known, estimated from what the model says of its own uncertainty.

Training has measured which errors answers of a scale have (`ExpectedErrors` in the model's profile). As long as prices
follow the same law, the mean of what is expected of the live answers is an estimate of their mean error, whatever is
asked for: direct loss estimation, as by Garg and others, "Leveraging unlabeled data to predict out-of-distribution
performance" (2022), in its simplest form.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from housing.expected_errors import class_of, scale
from housing.v1.model_profile_pb2 import ErrorMoments, ExpectedErrors
from housing_monitoring.window import LoggedPrediction

LEAST_ROWS = 100
"""With fewer answers nothing is estimated: squared errors have a long tail, and the mean of few is far from normal."""

_DEVIATIONS = 1.96
"""Standard deviations to each side that hold 95 % of a normal distribution."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Band:
    """An estimate, and where the figure lies with a probability of 95 %."""

    value: float
    """In USD."""
    lower: float
    """In USD."""
    upper: float
    """In USD."""

    def holds(self, figure: float) -> bool:
        """Return whether a figure, in USD, lies within."""
        return self.lower <= figure <= self.upper


@dataclass(frozen=True, slots=True, kw_only=True)
class EstimatedError:
    """The errors that answers of a version are expected to have, once their true prices are known."""

    model_version: str
    rows: int
    """Number of answers."""
    mean_absolute_error: Band
    root_mean_squared_error: Band


@dataclass(frozen=True, slots=True, kw_only=True)
class EstimateCheck:
    """The estimate for answers whose true prices have come, beside their errors."""

    estimated: EstimatedError
    """Without a look at the true prices."""
    mean_absolute_error: float
    """In USD."""
    root_mean_squared_error: float
    """In USD."""


@dataclass(frozen=True, slots=True)
class _Answers:
    """Answers by the class of their scale."""

    plain: np.ndarray
    """Number of answers without a warning, by class."""
    warned: np.ndarray
    """Number of those with one."""

    @property
    def rows(self) -> int:
        return int(self.plain.sum() + self.warned.sum())


def estimate_error(
    expected: ExpectedErrors, model_version: str, predictions: Iterable[LoggedPrediction]
) -> EstimatedError | None:
    """Estimate the errors of a version's answers; None with fewer than `LEAST_ROWS` that have an interval."""
    answers = _count(expected, (each for each in predictions if each.model_version == model_version))
    if answers.rows < LEAST_ROWS:
        return None
    absolute, squared = _mean(expected, answers, "absolute"), _mean(expected, answers, "squared")
    return EstimatedError(
        model_version=model_version,
        rows=answers.rows,
        mean_absolute_error=absolute,
        root_mean_squared_error=Band(
            value=math.sqrt(squared.value), lower=math.sqrt(squared.lower), upper=math.sqrt(squared.upper)
        ),
    )


def check_estimate(
    expected: ExpectedErrors, model_version: str, predictions: Sequence[LoggedPrediction]
) -> EstimateCheck | None:
    """Compare the estimate for answers with their errors; None where nothing is estimated.

    Args:
        expected: what training has measured.
        model_version: the version that it belongs to.
        predictions: with true prices; those of other versions, or without an interval, are left out.
    """
    usable = [each for each in predictions if each.model_version == model_version and each.interval is not None]
    known = [(each, each.true_price) for each in usable if each.true_price is not None]
    estimated = estimate_error(expected, model_version, [each for each, _ in known])
    if estimated is None:
        return None
    errors = np.array([each.median_house_value - price for each, price in known])
    return EstimateCheck(
        estimated=estimated,
        mean_absolute_error=float(np.abs(errors).mean()),
        root_mean_squared_error=float(np.sqrt((errors**2).mean())),
    )


def _count(expected: ExpectedErrors, predictions: Iterable[LoggedPrediction]) -> _Answers:
    reasons = frozenset(expected.warnings)
    counts = np.zeros((2, len(expected.classes)), dtype=np.int64)
    for each in predictions:
        if each.interval is not None:
            lower, upper, upper_open = each.interval
            of_scale = scale(each.median_house_value, lower, upper, upper_open=upper_open)
            row = 0 if reasons.isdisjoint(each.warnings) else 1
            counts[row, class_of(expected, of_scale)] += 1
    if not expected.HasField("warned"):
        counts[0] += counts[1]
        counts[1] = 0
    return _Answers(counts[0], counts[1])


def _mean(expected: ExpectedErrors, answers: _Answers, kind: str) -> Band:
    """Estimate the mean of the absolute or the squared errors.

    Two things make it uncertain: the means of the classes were measured on so many rows of training, and the errors of
    the live rows vary about them.
    """
    rows, mean, variance = (
        np.array(column) for column in zip(*(_of(each, kind) for each in expected.classes), strict=True)
    )
    known, factor, spread = _of(expected.warned, kind)
    shares, warned = answers.plain / answers.rows, answers.warned / answers.rows
    value = shares @ mean + factor * (warned @ mean)
    of_training = shares**2 @ (variance / rows) + (warned @ mean) ** 2 * spread / max(known, 1)
    of_live_rows = (shares @ variance + spread * (warned @ mean**2)) / answers.rows
    reach = _DEVIATIONS * math.sqrt(of_training + of_live_rows)
    return Band(value=float(value), lower=float(max(value - reach, 0)), upper=float(value + reach))


def _of(moments: ErrorMoments, kind: str) -> tuple[int, float, float]:
    return moments.rows, getattr(moments, f"{kind}_mean"), getattr(moments, f"{kind}_variance")
