"""Rows: block groups as models read them, and their fields by name.

Rows are float64, shape (n, 9), in the contract's order of fields. NaN stands for a field that was left out, and a text
field is the index of its spelling. No other module counts columns. What is here indexes arrays of any namespace of the
Array API standard, so it can be traced into a graph.
"""

from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from housing.features import FEATURE_NAMES

Rows: TypeAlias = npt.NDArray[np.float64]
"""Block groups, shape (n, 9)."""
Prices: TypeAlias = npt.NDArray[np.float64]
"""True or predicted prices in USD, shape (n,)."""


def column(name: str) -> int:
    """Return the number of a field's column."""
    return FEATURE_NAMES.index(name)


def columns(first: str, last: str) -> slice:
    """Return the columns from one field to another, both included: as a slice, so that indexing keeps both axes."""
    return slice(column(first), column(last) + 1)


def replaced(rows: Rows, **fields: float | npt.NDArray[np.float64]) -> Rows:
    """Return a copy of rows with some fields replaced, each by one value or by one for each row."""
    changed = rows.copy()
    for name, values in fields.items():
        changed[:, column(name)] = values
    return changed


PLACE = columns("longitude", "latitude")
"""Where a block group lies, in degrees."""
FIGURES = columns("housing_median_age", "median_income")
"""The figures that are no matter of place: age, rooms, bedrooms, population, households, income."""
COUNTED = columns("total_rooms", "households")
"""The figures that grow with a block group: rooms, bedrooms, population, households."""
LABEL = columns("ocean_proximity", "ocean_proximity")
"""The code of the label."""
