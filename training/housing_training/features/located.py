"""From rows and what is known about their places to the matrix that the mixture of experts reads.

Written against the Array API standard like `features`, and traced into the graph like it. The regional expert reads
the first columns only, those of `REGIONAL`: nothing in them separates one place from the next but a few distances and
diagonals, so what it learns holds where no neighbour is known.
"""

import numpy as np

from housing.features import FEATURE_NAMES
from housing_training.data.rows import FIGURES, Rows, column, columns
from housing_training.geography import neighbours, places
from housing_training.geography.landmarks import Array

FIRST = FIGURES.start
"""Column of the first of `COUNTS` in a row."""
COUNTS = FEATURE_NAMES[FIGURES]
"""The fields that are no matter of place: age, rooms, bedrooms, population, households, income."""
RATIOS = (
    ("total_rooms", "households"),
    ("total_bedrooms", "total_rooms"),
    ("total_bedrooms", "households"),
    ("population", "households"),
    ("total_rooms", "population"),
)
"""What is divided by what."""
DIAGONALS = ("longitude_plus_latitude", "longitude_minus_latitude")
"""The map turned by 45 degrees: the coast runs north-west to south-east."""
OWN = (*COUNTS, *(f"{above}_per_{below}" for above, below in RATIOS))
"""Columns that are no matter of place."""
REGIONAL = (*OWN, *DIAGONALS, *places.GEOGRAPHY)
"""Columns that the regional expert reads."""
COLUMNS = (*REGIONAL, *neighbours.NAMES, "longitude", "latitude")
"""All columns of the matrix, in order."""


def matrix(rows: Array, place_features: Array, bedrooms_per_household: float) -> Array:
    """Compute the matrix.

    Args:
        rows: float64, shape (n, 9), columns in `housing.features.FEATURES` order, NaN for what was left out.
        place_features: `places.FEATURES` of their places, float64, shape (n, columns).
        bedrooms_per_household: stands in for bedrooms that were left out.

    Returns:
        `COLUMNS`, worked out in float64 and cast to float32 last, shape (n, columns).
    """
    xp = rows.__array_namespace__()
    longitude, latitude = (rows[:, columns(name, name)] for name in ("longitude", "latitude"))
    diagonals = [longitude + latitude, longitude - latitude]
    parts = [own_features(rows, bedrooms_per_household), *diagonals, place_features, longitude, latitude]
    return xp.astype(xp.concat(parts, axis=1), xp.float32)


def bedrooms_per_household(rows: Rows) -> float:
    """Compute what stands in for bedrooms that were left out: their median, per household, in training rows."""
    bedrooms, households = (rows[:, column(name)] for name in ("total_bedrooms", "households"))
    return float(np.nanmedian(bedrooms / households))


def own_features(rows: Array, bedrooms_per_household: float) -> Array:
    """Compute `OWN`, the columns that are no matter of place, as `matrix` does: float64, shape (n, columns)."""
    xp = rows.__array_namespace__()
    counts = _counts(rows, bedrooms_per_household)
    above, below = (xp.asarray(np.array([COUNTS.index(ratio[side]) for ratio in RATIOS])) for side in (0, 1))
    return xp.concat([counts, xp.take(counts, above, axis=1) / xp.take(counts, below, axis=1)], axis=1)


def _counts(rows: Array, bedrooms_per_household: float) -> Array:
    """Return `COUNTS`; missing bedrooms are estimated, at no more than the rooms."""
    xp = rows.__array_namespace__()
    given = rows[:, FIGURES]
    households, rooms = (given[:, at : at + 1] for at in map(COUNTS.index, ("households", "total_rooms")))
    return xp.where(xp.isnan(given), xp.minimum(households * bedrooms_per_household, rooms), given)
