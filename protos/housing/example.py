"""An example block group."""

from collections.abc import Mapping
from types import MappingProxyType

BERKELEY: Mapping[str, float | str] = MappingProxyType(
    {
        "longitude": -122.23,
        "latitude": 37.88,
        "housing_median_age": 41.0,
        "total_rooms": 880.0,
        "total_bedrooms": 129.0,
        "population": 322.0,
        "households": 126.0,
        "median_income": 8.3252,
        "ocean_proximity": "NEAR BAY",
    }
)
"""The first row of the census table: a block group in Berkeley, where the census gives 452,600 USD."""
