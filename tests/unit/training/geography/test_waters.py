"""Open water, where nobody lives."""

import numpy as np
import pytest

from housing_training.geography.waters import open_water

WATER = {
    "the Pacific off San Francisco": (-122.62, 37.72),
    "the Pacific far out": (-124.5, 34.0),
    "San Francisco Bay": (-122.33, 37.70),
    "San Pablo Bay": (-122.40, 38.06),
    "Lake Tahoe": (-120.03, 39.10),
    "the Salton Sea": (-115.85, 33.33),
}
LAND = {
    "San Francisco": (-122.42, 37.77),
    "Oakland": (-122.22, 37.80),
    "Los Angeles": (-118.24, 34.05),
    "South Lake Tahoe": (-119.98, 38.93),
    "Fresno": (-119.79, 36.74),
    "Avalon, on an island": (-118.33, 33.34),
    "Death Valley": (-116.9, 36.4),
}


@pytest.mark.parametrize("name", WATER)
def test_water_is_open_away_from_its_shore(name: str) -> None:
    """The sea, the bay and the large lakes, if no block group is known there."""
    place = np.array([WATER[name]])

    assert open_water(place, np.array([5.0])).tolist() == [True]
    assert open_water(place, np.array([1.0])).tolist() == [False]


@pytest.mark.parametrize("name", LAND)
def test_land_is_no_water(name: str) -> None:
    """An island of people is known by them."""
    known_km = 0.5 if "island" in name else 50.0

    assert open_water(np.array([LAND[name]]), np.array([known_km])).tolist() == [False]
