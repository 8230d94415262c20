"""The rule that derives `ocean_proximity`."""

import numpy as np
import pytest

from housing_training.geography.landmarks import BAY, COAST, distance_to_line
from housing_training.geography.proximity import BANDS, CHOICES, ocean_proximity


def derive(longitude: float, latitude: float) -> str:
    """Return the label of a place by the rule."""
    place = {"longitude": np.array([[longitude]]), "latitude": np.array([[latitude]])}
    code = ocean_proximity(
        **place, coast_km=distance_to_line(**place, line=COAST), bay_km=distance_to_line(**place, line=BAY)
    )
    return CHOICES[int(code[0, 0])]


@pytest.mark.parametrize(
    ("place", "longitude", "latitude", "expected"),
    [
        ("Berkeley", -122.27, 37.87, "NEAR BAY"),
        ("Ocean Beach, San Francisco", -122.505, 37.76, "NEAR OCEAN"),
        ("Avalon on Santa Catalina", -118.33, 33.34, "ISLAND"),
        ("Fresno", -119.79, 36.74, "INLAND"),
        ("Pasadena", -118.14, 34.15, "<1H OCEAN"),
        ("La Jolla", -117.27, 32.84, "NEAR OCEAN"),
        ("Eureka", -124.16, 40.80, "NEAR OCEAN"),
        ("Needles", -114.61, 34.85, "INLAND"),
        ("the Oregon border", -121.0, 42.0, "INLAND"),
        ("the Mexican border, east", -114.8, 32.5, "INLAND"),
    ],
)
def test_known_places_get_the_label_of_the_published_data(
    place: str, longitude: float, latitude: float, expected: str
) -> None:
    """Places all over the state are labelled as the dataset labels their surroundings."""
    assert derive(longitude, latitude) == expected, place


def test_bands_run_from_south_to_north_in_whole_kilometres() -> None:
    """The rule sums thresholds' steps from band to band, which is exact for whole numbers in this order only."""
    souths = [band.south for band in BANDS]
    thresholds = [value for band in BANDS for value in (band.near_ocean_km, band.one_hour_km, band.near_bay_km)]

    assert souths == sorted(souths)
    assert all(float(value).is_integer() for value in thresholds)


def test_a_place_belongs_to_the_band_that_begins_at_its_latitude() -> None:
    """The southern edge of a band is inside it."""
    longitude, latitude = np.array([[-119.0]] * 2), np.array([[33.79], [33.80]])
    coast, bay = np.array([[4.0]] * 2), np.array([[500.0]] * 2)

    codes = ocean_proximity(longitude=longitude, latitude=latitude, coast_km=coast, bay_km=bay)

    assert [CHOICES[int(code)] for code in codes[:, 0]] == ["NEAR OCEAN", "<1H OCEAN"]
