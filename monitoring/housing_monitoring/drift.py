"""Drift: the distance of live values from the model's training data."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import stats

from housing.profile import tally
from housing.v1.model_profile_pb2 import Distribution

SHIFTED = 0.2
"""PSI above which a field counts as shifted, by the usual rule of thumb: below 0.1 stable, above 0.2 to be acted on."""

_LEAST_EXPECTED = 5.0
"""Minimum expected count of a cell in the chi-square test; smaller cells are pooled (Cochran, 1954)."""

_CHANCE = 0.999


@dataclass(frozen=True, slots=True, kw_only=True)
class Drift:
    """The distance of one field's live values from its profile."""

    feature: str
    """Name of the field."""
    values: int
    """Number of live values compared."""
    psi: float
    """Population stability index of the live values, 0 for the same distribution."""
    by_chance: float
    """99.9th percentile of that index for windows of as many independent rows without a shift."""
    statistic: float
    """Two-sample statistic: Kolmogorov-Smirnov distance for numbers, chi-square for text."""
    p_value: float
    """Probability of a statistic at least as large without a shift."""


def compare(distribution: Distribution, values: Sequence[float]) -> Drift:
    """Compare live values with the distribution of their field.

    Args:
        distribution: the field's distribution, from the model's profile.
        values: at least one, as in rows; NaN, for a missing value, is ignored.
    """
    reference, live = np.array(distribution.counts), np.array(tally(distribution, values))
    test = _kolmogorov_smirnov if distribution.edges else _chi_square
    statistic, p_value = test(reference, live)
    return Drift(
        feature=distribution.name,
        values=int(live.sum()),
        psi=population_stability_index(reference, live),
        by_chance=_chance_bound(reference, live),
        statistic=statistic,
        p_value=p_value,
    )


def population_stability_index(reference: np.ndarray, live: np.ndarray) -> float:
    """Sum (q - p) ln(q / p) over bins, with the shares p of the reference and q of the live values.

    Half a row is added to each bin of the reference, and one row, distributed like the reference, to the live values:
    the index remains finite if a bin is empty, and a bin that is nearly empty in both adds nothing.

    Args:
        reference: counts, shape (bins,).
        live: counts in the same bins.
    """
    p = (reference + 0.5) / (reference.sum() + 0.5 * len(reference))
    q = (live + p) / (live.sum() + 1)
    return float(((q - p) * np.log(q / p)).sum())


def _chance_bound(reference: np.ndarray, live: np.ndarray) -> float:
    # Without a shift, PSI / (1/n + 1/m) is distributed as chi-square with bins - 1 degrees of freedom
    # (Yurdakul and Naranjo, "Statistical properties of the population stability index", 2020).
    bins = np.count_nonzero(reference)
    return float(stats.chi2.ppf(_CHANCE, max(bins - 1, 1)) * (1 / reference.sum() + 1 / live.sum()))


def _kolmogorov_smirnov(reference: np.ndarray, live: np.ndarray) -> tuple[float, float]:
    """Test by the order of the bins only: with ties the p-value is too large, if anything."""
    bins = np.arange(len(reference))
    result = stats.ks_2samp(np.repeat(bins, reference), np.repeat(bins, live), method="asymp")
    return float(result.statistic), float(result.pvalue)


def _chi_square(reference: np.ndarray, live: np.ndarray) -> tuple[float, float]:
    table = _pooled(np.array([reference, live]))
    if table.shape[1] == 1:
        return 0.0, 1.0
    result = stats.chi2_contingency(table)
    return float(result.statistic), float(result.pvalue)


def _pooled(table: np.ndarray) -> np.ndarray:
    """Merge the columns with too few rows, so that each column of the table expects enough."""
    table = table[:, table.any(axis=0)]
    rare = stats.contingency.expected_freq(table).min(axis=0) < _LEAST_EXPECTED
    if not rare.any():
        return table
    return np.column_stack([table[:, ~rare], table[:, rare].sum(axis=1)])
