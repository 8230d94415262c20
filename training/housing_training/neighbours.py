"""What the nearest block groups tell about a place: prices, incomes, and how much of a hole in the data it lies in.

A row that is learnt from must not see its own price, so its neighbours are the others. It may also be shown the world
as if nothing within some radius were known, which is how a model learns what to do where it has never been.
"""

from dataclasses import dataclass
from typing import Self

import numpy as np
import numpy.typing as npt
from scipy.spatial import cKDTree

from housing_training.geography import KM_PER_DEGREE, LONGITUDE_SCALE

NEAREST = (3, 8, 20, 40)
"""Over how many neighbours prices are averaged."""
SPREAD_OF = 10
"""Over how many neighbours the spread of prices and the price for an income are taken."""
ATTRIBUTES_OF = 20
"""Over how many neighbours the other attributes are averaged."""
DISTANCE_TO = 5
"""Which neighbour's distance tells how dense the data are."""
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
AT_ONCE = 100
"""Rows whose distances to all others are in memory at once."""

ATTRIBUTES = (
    "median_income",
    "housing_median_age",
    "total_rooms_per_households",
    "total_bedrooms_per_total_rooms",
    "population_per_households",
)
"""What else is averaged over neighbours, beside prices."""
NAMES = (
    "outlier_factor",
    "neighbour_km",
    *(f"neighbour_price_{count}" for count in NEAREST),
    "neighbour_price_spread",
    "neighbour_price_per_income",
    "nearest_price",
    *(f"neighbour_{attribute}" for attribute in ATTRIBUTES),
)
"""What is told about a place, in order; prices in thousands of USD, which float16 can hold."""

Floats = npt.NDArray[np.float64]
Indices = npt.NDArray[np.intp]


def plane(places: Floats) -> Floats:
    """Turn longitude and latitude in degrees, shape (n, 2), into kilometres on a plane."""
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
        """Tell `NAMES` about places, shape (n, 2) in degrees, from all that is known: shape (n, names)."""
        return self._tell(*self.tree.query(plane(places), k=self._most, workers=-1))

    def leave_one_out(self) -> Floats:
        """Tell `NAMES` about each known block group from all the others: shape (n, names)."""
        distances, indices = self.tree.query(self.tree.data, k=self._most + 1)
        own = indices == np.arange(len(self.prices))[:, None]
        # Of many at one place it may not be among the nearest itself: then the last one goes.
        return self._tell(*_nearest(np.where(own, np.inf, distances), indices, self._most))

    def beyond(self, rows: Indices, radii_km: Floats) -> Floats:
        """Tell `NAMES` about some known block groups from those that are farther away than a radius.

        Args:
            rows: which block groups, shape (m,).
            radii_km: a radius for each of them, shape (m,).
        """
        parts = range(0, len(rows), AT_ONCE)
        told = [self._tell(*self._outside(rows[at : at + AT_ONCE], radii_km[at : at + AT_ONCE])) for at in parts]
        return np.concatenate(told)

    @property
    def _most(self) -> int:
        return min(NEAREST[-1], len(self.prices) - 1)

    def _outside(self, rows: Indices, radii_km: Floats) -> tuple[Floats, Indices]:
        places = self.tree.data.astype(np.float32)
        east, north = (places[rows, axis, None] - places[:, axis] for axis in (0, 1))
        squares = east * east + north * north
        squares[squares <= radii_km.astype(np.float32)[:, None] ** 2] = BEYOND_REACH_KM**2
        indices = np.argpartition(squares, self._most, axis=1)[:, : self._most]
        nearest = np.take_along_axis(squares, indices, axis=1).astype(np.float64)
        return _nearest(np.sqrt(nearest), indices, self._most)

    def _tell(self, distances: Floats, indices: Indices) -> Floats:
        """Sum neighbours up: kilometres and numbers of each place's neighbours, nearest first, shape (n, k) each."""
        weights, prices = 1 / (distances + CITY_BLOCK_KM), self.prices[indices]
        mean = _average(weights, prices, SPREAD_OF)
        per_income = prices / np.maximum(self.attributes[indices, 0], LEAST_INCOME)
        reach = distances[:, DISTANCE_TO - 1]
        usual = np.maximum(self.distances_km[indices[:, :DENSITY_OF]].mean(axis=1), DENSEST_KM)
        return np.column_stack(
            [
                np.minimum(reach / usual, LARGEST_FACTOR),
                reach,
                *(_average(weights, prices, count) for count in NEAREST),
                np.sqrt(_average(weights, (prices - mean[:, None]) ** 2, SPREAD_OF)),
                _average(weights, per_income, SPREAD_OF),
                prices[:, 0],
                _average(weights, self.attributes[indices], ATTRIBUTES_OF),
            ]
        )


def _average(weights: Floats, values: Floats, count: int) -> Floats:
    """Average values of each place's neighbours, shape (n, k) or (n, k, m), over the nearest: shape (n,) or (n, m)."""
    weights = weights[:, :count] / weights[:, :count].sum(axis=1, keepdims=True)
    averages: Floats = np.einsum("nk,nk...->n...", weights, values[:, :count])
    return averages


def _nearest(distances: Floats, indices: Indices, count: int) -> tuple[Floats, Indices]:
    order = np.argsort(distances, axis=1, kind="stable")[:, :count]
    return np.take_along_axis(distances, order, axis=1), np.take_along_axis(indices, order, axis=1)
