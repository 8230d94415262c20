"""Statistics of the differences between two versions' answers to the same requests, in bounded memory."""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from housing_monitoring.drift import population_stability_index
from housing_retraining.comparison.bootstrap import Difference, rmse_difference
from housing_retraining.replay.sample import Sample
from housing_retraining.replay.scoring import Replayed
from housing_server.prediction_log.logged_requests import Floats
from housing_training.data.rows import PLACE

_SAMPLED_ROWS = 100_000
"""Rows sampled for quantiles and plots: seven megabytes."""
_SAMPLED_OUTCOMES = 20_000
_QUANTILES = (0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99)
_BINS = 10
_LOWEST_OUTCOMES = 2
LONGITUDE, LATITUDE, REFERENCE, ANSWER, TRUE = range(5)
"""Columns of the sample; the true price is NaN where it is not known."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Errors:
    """The errors of both where true prices are on record."""

    outcomes: int
    """How many are compared."""
    answer_rmse: float
    """RMSE of the version that is replayed, in USD."""
    reference_rmse: float
    """RMSE of what it is compared with."""
    difference: Difference
    """The first less the second, with its confidence interval."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Differences:
    """The differences between a version's answers and those it is compared with."""

    rows: int
    """Requests."""
    unanswered: int
    """Number of requests that the version failed on."""
    first_us: int
    """When the first was made, in microseconds since the epoch."""
    last_us: int
    """When the last was made."""
    mean: float
    """Mean difference, in USD."""
    rms: float
    """Root of the mean squared difference, in USD."""
    largest: float
    """The largest difference in either direction, in USD."""
    quantiles: dict[str, float]
    """Quantiles of the differences in USD, by name such as `p95`."""
    wild_share: float
    """Share of answers that differ by more than the tolerance."""
    beyond_interval_share: float | None
    """Share of answers outside the interval on record; None without intervals."""
    psi: float
    """Population stability index of the answers, in deciles of the reference."""
    warned_share: float
    """Share of answers with warnings."""
    reference_warned_share: float
    """The same for the reference."""
    errors: Errors | None
    """Errors, where true prices are on record; None with too few of them."""


@dataclass(slots=True, kw_only=True)
class Tally:
    """Accumulates differences, page by page."""

    tolerance: float
    """The share of the reference from which a difference counts as wild."""
    confidence: float = 0.95
    """Confidence level of intervals."""
    sample: Sample = field(default_factory=lambda: Sample(_SAMPLED_ROWS, TRUE + 1))
    """Rows, for quantiles and plots."""
    _outcomes: Sample = field(default_factory=lambda: Sample(_SAMPLED_OUTCOMES, TRUE + 1))
    _rows: int = 0
    _unanswered: int = 0
    _sum: float = 0.0
    _squares: float = 0.0
    _largest: float = 0.0
    _wild: int = 0
    _bounded: int = 0
    _beyond: int = 0
    _warned: int = 0
    _reference_warned: int = 0
    _first_us: int = 0
    _last_us: int = 0

    def add(self, page: Replayed) -> None:
        """Add a page."""
        answers, reference, times = page.answers, page.reference, page.logged.predicted_at_us
        self._first_us = min(self._first_us or int(times.min()), int(times.min()))
        self._last_us = max(self._last_us, int(times.max()))
        both = ~np.isnan(answers.prices) & ~np.isnan(reference.prices)
        self._rows += len(page.logged)
        self._unanswered += int(np.isnan(answers.prices).sum())
        self._warned += sum(map(bool, answers.warnings))
        self._reference_warned += sum(map(bool, reference.warnings))
        self._add_prices(answers.prices[both], reference.prices[both])
        self._add_bounds(answers.prices[both], reference.bounds[both], reference.upper_open[both])
        prices = [reference.prices[both], answers.prices[both], page.logged.true_prices[both]]
        rows = np.column_stack([page.logged.rows[both][:, PLACE], *prices])
        self.sample.add(rows)
        self._outcomes.add(rows[~np.isnan(rows[:, TRUE])])

    def differences(self) -> Differences:
        """Return the statistics; at least one page must have been added."""
        sample, compared = self.sample.rows(), max(1, self._rows - self._unanswered)
        found = sample[:, ANSWER] - sample[:, REFERENCE]
        values = np.quantile(found, _QUANTILES).tolist() if len(found) else [0.0] * len(_QUANTILES)
        return Differences(
            rows=self._rows,
            unanswered=self._unanswered,
            first_us=self._first_us,
            last_us=self._last_us,
            mean=round(self._sum / compared, 2),
            rms=round(float(np.sqrt(self._squares / compared)), 2),
            largest=round(self._largest, 2),
            quantiles={f"p{q * 100:g}": round(value, 2) for q, value in zip(_QUANTILES, values, strict=True)},
            wild_share=round(self._wild / compared, 5),
            beyond_interval_share=round(self._beyond / self._bounded, 5) if self._bounded else None,
            psi=round(_psi(sample[:, REFERENCE], sample[:, ANSWER]), 4) if len(sample) else 0.0,
            warned_share=round(self._warned / max(1, self._rows), 5),
            reference_warned_share=round(self._reference_warned / max(1, self._rows), 5),
            errors=_errors(self._outcomes.rows(), self.confidence),
        )

    def _add_prices(self, answers: Floats, reference: Floats) -> None:
        found = answers - reference
        self._sum += float(found.sum())
        self._squares += float((found**2).sum())
        self._largest = max(self._largest, float(np.abs(found).max(initial=0.0)))
        self._wild += int((np.abs(found) > self.tolerance * np.abs(reference)).sum())

    def _add_bounds(self, answers: Floats, bounds: Floats, upper_open: NDArray[np.bool_]) -> None:
        self._bounded += int((~np.isnan(bounds[:, 0])).sum())
        above = (answers > bounds[:, 1]) & ~upper_open
        self._beyond += int(((answers < bounds[:, 0]) | above).sum())


def _psi(reference: Floats, answers: Floats) -> float:
    """Compare the distributions of answers in deciles of the reference."""
    edges = np.unique(np.quantile(reference, np.linspace(0, 1, _BINS + 1)[1:-1]))
    counts = [np.bincount(np.searchsorted(edges, each), minlength=len(edges) + 1) for each in (reference, answers)]
    return population_stability_index(*counts)


def _errors(rows: Floats, confidence: float) -> Errors | None:
    if len(rows) < _LOWEST_OUTCOMES:
        return None
    mine, theirs = (rows[:, column] - rows[:, TRUE] for column in (ANSWER, REFERENCE))
    return Errors(
        outcomes=len(rows),
        answer_rmse=_rmse(mine),
        reference_rmse=_rmse(theirs),
        difference=rmse_difference(mine, theirs, confidence=confidence),
    )


def _rmse(errors: Floats) -> float:
    return round(float(np.sqrt(np.mean(errors**2))), 2)
