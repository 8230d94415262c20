"""Features of a place from the nearest block groups: prices, incomes, and how much of a hole in the data it lies in.

A row that is learnt from must not see its own price, so its neighbours are the others. It may also be shown the world
as if nothing within some radius were known, which is how a model learns what to do where it has never been.

Many block groups share a place, so many are equally far. Neighbours are ordered by distance and then by their number:
any other order, such as that of a partial sort, depends on the width of the processor's vectors, and the model with it.
"""

from dataclasses import dataclass
from typing import Self

import numpy as np
import numpy.typing as npt
from scipy.spatial import cKDTree

from housing_training.geography.landmarks import KM_PER_DEGREE, LONGITUDE_SCALE

NEAREST = (3, 8, 20, 40)
"""Over how many neighbours prices are averaged."""
SPREAD_OF = 10
"""Over how many neighbours the spread of prices and the price for an income are taken."""
ATTRIBUTES_OF = 20
"""Over how many neighbours the other attributes are averaged."""
DISTANCE_TO = 5
"""Which neighbour's distance measures how dense the data are."""
NEAREST_ONE = 0
"""Which neighbour's price stands alone."""
DENSITY_OF = 15
"""Over how many neighbours that distance is averaged, to compare with the place's own."""
CITY_BLOCK_KM = 0.3
"""Added to distances before they weigh neighbours, so that those at the very place do not drown the others."""
LEAST_INCOME = 0.5
"""Prices are divided by no smaller income, in tens of thousands of USD."""
DENSEST_KM = 0.5
"""Data that are denser than this count as dense as this."""
LARGEST_FACTOR = 100.0
"""More of an outlier than this is the same."""
BEYOND_REACH_KM = 1_000.0
"""Where those that are left out are put."""
AT_ONCE = 32
"""Rows whose distances to all others are in memory at once: few enough for the processor's cache."""
EVERY = 4
"""One row in so many is enough to see how far away as many neighbours as are needed are at most."""
SPARE = 24
"""How many more neighbours are looked up than are needed, so that all of those equally far as the last are known."""

ATTRIBUTES = (
    "median_income",
    "housing_median_age",
    "total_rooms_per_households",
    "total_bedrooms_per_total_rooms",
    "population_per_households",
)
"""What else is averaged over neighbours, beside prices."""
INCOME = ATTRIBUTES.index("median_income")
"""Column of the income among them."""
NAMES = (
    "outlier_factor",
    "neighbour_km",
    *(f"neighbour_price_{count}" for count in NEAREST),
    "neighbour_price_spread",
    "neighbour_price_per_income",
    "nearest_price",
    *(f"neighbour_{attribute}" for attribute in ATTRIBUTES),
)
"""The features of a place, in order; prices in thousands of USD, which float16 can hold."""

Floats = npt.NDArray[np.float64]
Indices = npt.NDArray[np.intp]


def plane(places: Floats) -> Floats:
    """Project longitude and latitude in degrees, shape (n, 2), to kilometres on a plane."""
    return places * (LONGITUDE_SCALE * KM_PER_DEGREE, KM_PER_DEGREE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Neighbourhood:
    """Block groups that are known, as neighbours of places."""

    tree: cKDTree
    """Their places, on the plane."""
    prices: Floats
    """Their prices in thousands of USD, shape (n,)."""
    attributes: Floats
    """Their `ATTRIBUTES`, shape (n, attributes)."""
    distances_km: Floats
    """How far the `DISTANCE_TO`-th other one is from each, shape (n,)."""

    @classmethod
    def of(cls, places: Floats, prices: Floats, attributes: Floats) -> Self:
        """Index block groups.

        Args:
            places: longitude and latitude in degrees, shape (n, 2).
            prices: USD, shape (n,).
            attributes: their `ATTRIBUTES`, shape (n, attributes).
        """
        tree = cKDTree(plane(places))
        distances, _ = tree.query(tree.data, k=DISTANCE_TO + 1)
        return cls(tree=tree, prices=prices / 1_000, attributes=attributes, distances_km=distances[:, -1])

    def at(self, places: Floats) -> Floats:
        """Compute `NAMES` of places, shape (n, 2) in degrees, from all that is known: shape (n, names)."""
        return self._features(*self._query(plane(places), self._most + SPARE))

    def leave_one_out(self) -> Floats:
        """Compute `NAMES` of each known block group from all the others: shape (n, names)."""
        distances, indices = self._query(self.tree.data, self._most + 1 + SPARE)
        own = indices == np.arange(len(self.prices))[:, None]
        # Of many at one place it may not be among the nearest itself: then the last one goes.
        return self._features(np.where(own, np.inf, distances), indices)

    def beyond(self, rows: Indices, radii_km: Floats) -> Floats:
        """Compute `NAMES` of some known block groups from those that are farther away than a radius.

        Args:
            rows: which block groups, shape (m,).
            radii_km: a radius for each of them, shape (m,).
        """
        parts = range(0, len(rows), AT_ONCE)
        return np.concatenate(
            [self._features(*self._outside(rows[at : at + AT_ONCE], radii_km[at : at + AT_ONCE])) for at in parts]
        )

    @property
    def _most(self) -> int:
        return min(NEAREST[-1], len(self.prices) - 1)

    def _query(self, positions: Floats, count: int) -> tuple[Floats, Indices]:
        """Find the nearest block groups of positions on the plane: distances and numbers, shape (n, count) each."""
        distances, indices = self.tree.query(positions, k=min(count, len(self.prices)), workers=-1)
        return distances, indices

    def _outside(self, rows: Indices, radii_km: Floats) -> tuple[Floats, Indices]:
        """Find the nearest block groups of some others beyond a radius: at least `_most` of them, in any order.

        As many as are wanted are among one in `EVERY`, only farther away, which is quicker to see than in all.
        """
        east, north = (axis[rows, None] - axis for axis in self.tree.data.T.astype(np.float32, order="C"))
        squares, north = np.square(east, out=east), np.square(north, out=north)
        squares += north
        np.putmask(squares, squares <= radii_km.astype(np.float32)[:, None] ** 2, BEYOND_REACH_KM**2)
        some = squares[:, :: EVERY if self._most * EVERY <= len(self.prices) else 1]
        farthest = np.partition(some, self._most - 1, axis=1)[:, self._most - 1, None]
        return _at_most(squares, farthest)

    def _features(self, distances: Floats, indices: Indices) -> Floats:
        """Compute `NAMES` from kilometres to neighbours and their numbers, in any order, shape (n, k) each."""
        distances, indices = _nearest(distances, indices, self._most)
        weights, prices = 1 / (distances + CITY_BLOCK_KM), self.prices[indices]
        mean = _average(weights, prices, SPREAD_OF)
        per_income = prices / np.maximum(self.attributes[indices, INCOME], LEAST_INCOME)
        reach = distances[:, DISTANCE_TO - 1]
        usual = np.maximum(self.distances_km[indices[:, :DENSITY_OF]].mean(axis=1), DENSEST_KM)
        return np.column_stack(
            [
                np.minimum(reach / usual, LARGEST_FACTOR),
                reach,
                *(_average(weights, prices, count) for count in NEAREST),
                np.sqrt(_average(weights, (prices - mean[:, None]) ** 2, SPREAD_OF)),
                _average(weights, per_income, SPREAD_OF),
                prices[:, NEAREST_ONE],
                _average(weights, self.attributes[indices], ATTRIBUTES_OF),
            ]
        )


def _average(weights: Floats, values: Floats, count: int) -> Floats:
    """Average values of each place's neighbours, shape (n, k) or (n, k, m), over the nearest: shape (n,) or (n, m)."""
    weights = weights[:, :count] / weights[:, :count].sum(axis=1, keepdims=True)
    averages: Floats = np.einsum("nk,nk...->n...", weights, values[:, :count])
    return averages


def _nearest(distances: Floats, indices: Indices, count: int) -> tuple[Floats, Indices]:
    """Order neighbours by distance, equal ones by number, and keep the first."""
    order = np.lexsort((indices, distances), axis=1)[:, :count]
    return np.take_along_axis(distances, order, axis=1), np.take_along_axis(indices, order, axis=1)


def _at_most(squares: npt.NDArray[np.float32], farthest: npt.NDArray[np.float32]) -> tuple[Floats, Indices]:
    """Find all columns whose square is at most each row's farthest one, shape (n, 1).

    Returns:
        Kilometres and numbers of columns, shape (n, the most of any row) each; where a row has fewer, infinity and 0.
    """
    # Found in one dimension, which is several times as fast as in two.
    rows, columns = np.divmod(np.flatnonzero(squares <= farthest), squares.shape[1])
    counts = np.bincount(rows, minlength=len(squares))
    place = np.arange(len(rows)) - np.repeat(np.cumsum(counts) - counts, counts)
    distances, indices = np.full((len(squares), counts.max()), np.inf), np.zeros((len(squares), counts.max()), np.intp)
    distances[rows, place], indices[rows, place] = np.sqrt(squares[rows, columns].astype(np.float64)), columns
    return distances, indices
