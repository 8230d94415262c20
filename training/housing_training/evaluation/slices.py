"""How good a model is on parts of the rows held out: by region, by income, by age of the houses, at the cap of prices.

The parts show what one figure for all rows hides: where, and for whom, answers are worse.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Self

import numpy as np
import numpy.typing as npt
from scipy.spatial import cKDTree

from housing.features import FEATURES
from housing_training.data.rows import PLACE, Rows, column
from housing_training.geography.landmarks import CITIES, distance_to_points
from housing_training.geography.neighbours import plane

CITY_NAMES = ("San Francisco", "Los Angeles", "San Diego", "San Jose", "Sacramento")
"""Names of `CITIES`."""
CITY_KM = 80.0
"""Rows within this distance of a city belong to the region of the nearest one."""
BY_INCOME = "median_income (10,000 USD)"
"""Name of the slices by income."""
PARTS = 5
"""Into how many parts of about the same size rows are cut by income."""
AGES = (0, 10, 20, 30, 40, 51)
"""Years at which ages are cut; the census counts to 52."""
DISTANCES_KM = (0, 1, 5)
"""Kilometres at which distances to the training rows are cut."""

Floats = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True, kw_only=True)
class Answers:
    """A model's answers for n rows, and the true prices."""

    prices: Floats
    """True prices in USD, shape (n,)."""
    predicted: Floats
    """Its answers in USD, shape (n,)."""
    bounds: Floats | None
    """The bounds of its intervals in USD, shape (n, 2); None if it has none."""

    def __getitem__(self, chosen: Mask) -> Self:
        """Return some of the rows."""
        bounds = None if self.bounds is None else self.bounds[chosen]
        return type(self)(prices=self.prices[chosen], predicted=self.predicted[chosen], bounds=bounds)


@dataclass(frozen=True, slots=True, kw_only=True)
class SliceFigures:
    """How good a model is on a part of the rows."""

    name: str
    """What the rows have in common."""
    rows: int
    """Number of rows."""
    rmse: float
    """Root of the mean squared error, in USD."""
    mae: float
    """Mean absolute error, in USD."""
    mape: float
    """Mean of the absolute error as a fraction of the true price."""
    bias: float
    """Mean of the answers less that of the true prices, in USD."""
    coverage: float | None
    """Share of the true prices inside their intervals; None without intervals."""
    mean_width: float | None
    """Mean width of the intervals, in USD."""

    @classmethod
    def of(cls, name: str, answers: Answers) -> Self:
        """Measure answers, one at least; rounded so that the last bits of a sum, which differ by machine, are gone."""
        errors = answers.predicted - answers.prices
        coverage, mean_width = (None, None) if answers.bounds is None else _interval(answers.prices, *answers.bounds.T)
        return cls(
            name=name,
            rows=len(errors),
            rmse=round(float(np.sqrt(np.mean(errors**2))), 2),
            mae=round(float(np.mean(np.abs(errors))), 2),
            mape=round(float(np.mean(np.abs(errors) / answers.prices)), 5),
            bias=round(float(np.mean(errors)), 2),
            coverage=coverage,
            mean_width=mean_width,
        )


def measure_slices(test_rows: Rows, answers: Answers, train_rows: Rows, cap: float) -> dict[str, list[SliceFigures]]:
    """Measure answers by all kinds of slices; slices without rows are left out.

    Args:
        test_rows: the rows held out, shape (n, 9).
        answers: a model's answers for them.
        train_rows: the rows that were trained on, shape (m, 9).
        cap: the highest price in the data, in USD.

    Returns:
        Figures of the slices, by what the rows were cut by.
    """
    cuts: Mapping[str, Iterator[tuple[str, Mask]]] = {
        "region": _regions(test_rows),
        "ocean_proximity": _labels(test_rows),
        BY_INCOME: _incomes(test_rows[:, column("median_income")]),
        "housing_median_age (years)": _bands(test_rows[:, column("housing_median_age")], AGES),
        "cap of prices": _capped(answers.prices, cap),
        "distance to the nearest training row (km)": _bands(_distances(test_rows, train_rows), DISTANCES_KM),
    }
    return {
        by: [SliceFigures.of(name, answers[chosen]) for name, chosen in slices if chosen.any()]
        for by, slices in cuts.items()
    }


def _interval(prices: Floats, low: Floats, high: Floats) -> tuple[float, float]:
    inside = (low <= prices) & (prices <= high)
    return round(float(inside.mean()), 5), round(float(np.mean(high - low)), 2)


def _regions(rows: Rows) -> Iterator[tuple[str, Mask]]:
    longitude, latitude = rows[:, PLACE].T[..., None]
    distances = distance_to_points(longitude, latitude, CITIES)
    nearest, near = distances.argmin(axis=1), distances.min(axis=1) <= CITY_KM
    for number, name in enumerate(CITY_NAMES):
        yield f"within {CITY_KM:g} km of {name}, and nearest to it", near & (nearest == number)
    yield "elsewhere", ~near


def _labels(rows: Rows) -> Iterator[tuple[str, Mask]]:
    (field,) = (feature for feature in FEATURES if feature.choices)
    codes = rows[:, column(field.name)]
    for code, name in enumerate(field.choices):
        yield name, codes == code


def _incomes(values: Floats) -> Iterator[tuple[str, Mask]]:
    edges = np.quantile(values, np.linspace(0, 1, PARTS + 1))
    part = np.clip(np.searchsorted(edges, values, side="left") - 1, 0, PARTS - 1)
    for number, (low, high) in enumerate(pairwise(edges.tolist())):
        yield f"{'from' if number == 0 else 'over'} {low:.2f} to {high:.2f}", part == number


def _bands(values: Floats, edges: tuple[float, ...]) -> Iterator[tuple[str, Mask]]:
    """Cut at edges, each of which belongs to the band below it."""
    yield f"{edges[0]:g}", values <= edges[0]
    for low, high in pairwise(edges):
        yield f"over {low:g} to {high:g}", (low < values) & (values <= high)
    yield f"over {edges[-1]:g}", values > edges[-1]


def _capped(prices: Floats, cap: float) -> Iterator[tuple[str, Mask]]:
    yield f"true price below {cap:,.0f} USD", prices < cap
    yield f"true price at {cap:,.0f} USD, or above", prices >= cap


def _distances(test_rows: Rows, train_rows: Rows) -> Floats:
    distances, _ = cKDTree(plane(train_rows[:, PLACE])).query(plane(test_rows[:, PLACE]))
    rounded: Floats = distances.round(3)  # to the metre: the same place must be at 0
    return rounded
