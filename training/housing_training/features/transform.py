"""From the nine raw fields to what estimators read.

It is written against the Array API standard. Training runs it on NumPy arrays; compiling hands it an ndonnx array, and
the very same lines become the ONNX graph that is served, so training and serving cannot disagree.

All arithmetic is float64 and the result is cast to float32 last. Estimators are trained on those float32 values, which
is what makes their split thresholds mean the same in a graph.
"""

from dataclasses import dataclass
from typing import NamedTuple, Self

import numpy as np
import numpy.typing as npt

from housing.features import FEATURE_NAMES
from housing_training.data.rows import columns
from housing_training.features.located import bedrooms_per_household
from housing_training.geography.landmarks import BAY, CITIES, COAST, Array, distance_to_line, distance_to_points
from housing_training.geography.proximity import CHOICES, ocean_proximity

REDUNDANT_COLUMNS = 2
"""How many of the matrix's columns, the last ones, are sums of others: of use to trees only."""


class Engineered(NamedTuple):
    """Features of rows."""

    matrix: Array
    """The estimators' input, float32, shape (n, k)."""
    ocean_proximity: Array
    """The code that was used, given or derived, float64, shape (n,)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FeatureTransform:
    """The feature engineering, with the one figure it learns from the data."""

    bedrooms_per_household: float
    """Stands in for bedrooms that were left out; their median in the training rows."""

    @classmethod
    def fit(cls, rows: npt.NDArray[np.float64]) -> Self:
        """Learn from rows: float64, shape (n, 9), columns in `FEATURES` order, NaN for what was left out."""
        return cls(bedrooms_per_household=bedrooms_per_household(rows))

    def __call__(self, rows: Array) -> Engineered:
        """Compute the features of rows: float64, shape (n, 9), columns in `FEATURES` order."""
        xp = rows.__array_namespace__()
        columns = self.named(rows)
        matrix = xp.concat(list(columns.values()), axis=1)
        return Engineered(matrix=xp.astype(matrix, xp.float32), ocean_proximity=columns["ocean_proximity"][:, 0])

    def named(self, rows: Array) -> dict[str, Array]:
        """Compute the features by name, in the order of the matrix: float64, shape (n, 1) or a few columns wide."""
        block = _columns(rows)
        places = _places(block["longitude"], block["latitude"])
        block["total_bedrooms"] = self._bedrooms(block)
        block["ocean_proximity"] = _proximity(block, places)
        indicators = {"proximity_is": _indicators(block["ocean_proximity"])}
        return block | _ratios(block) | places | indicators | _diagonals(block)

    def _bedrooms(self, block: dict[str, Array]) -> Array:
        given = block["total_bedrooms"]
        xp = given.__array_namespace__()
        estimate = xp.minimum(block["households"] * self.bedrooms_per_household, block["total_rooms"])
        return xp.where(xp.isnan(given), estimate, given)


def _columns(rows: Array) -> dict[str, Array]:
    return {name: rows[:, columns(name, name)] for name in FEATURE_NAMES}


def _ratios(block: dict[str, Array]) -> dict[str, Array]:
    return {
        "rooms_per_household": block["total_rooms"] / block["households"],
        "bedrooms_per_room": block["total_bedrooms"] / block["total_rooms"],
        "bedrooms_per_household": block["total_bedrooms"] / block["households"],
        "people_per_household": block["population"] / block["households"],
        "rooms_per_person": block["total_rooms"] / block["population"],
    }


def _places(longitude: Array, latitude: Array) -> dict[str, Array]:
    return {
        "coast_km": distance_to_line(longitude, latitude, COAST),
        "bay_km": distance_to_line(longitude, latitude, BAY),
        "cities_km": distance_to_points(longitude, latitude, CITIES),
    }


def _proximity(block: dict[str, Array], places: dict[str, Array]) -> Array:
    given = block["ocean_proximity"]
    xp = given.__array_namespace__()
    derived = ocean_proximity(
        longitude=block["longitude"], latitude=block["latitude"], coast_km=places["coast_km"], bay_km=places["bay_km"]
    )
    return xp.where(xp.isnan(given), derived, given)


def _indicators(code: Array) -> Array:
    """Encode the code in one column for each choice but the first, since its order means nothing to a linear model."""
    xp = code.__array_namespace__()
    return xp.astype(code == xp.asarray(np.arange(1.0, len(CHOICES))), xp.float64)


def _diagonals(block: dict[str, Array]) -> dict[str, Array]:
    """Rotate the map by 45 degrees, for trees to split on: the coast runs north-west to south-east."""
    return {
        "longitude_plus_latitude": block["longitude"] + block["latitude"],
        "longitude_minus_latitude": block["longitude"] - block["latitude"],
    }
