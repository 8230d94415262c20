"""Distances on the map."""

import numpy as np
import pytest

from housing_training.geography.landmarks import BAY, COAST, distance_to_line, distance_to_points


def column(*values: float) -> np.ndarray:
    """Shape values as one column."""
    return np.asarray(values)[:, None]


def test_a_degree_of_latitude_is_111_km() -> None:
    """Distances to points come in kilometres, one column a point."""
    distances = distance_to_points(column(-120.0), column(36.0), ((-120.0, 37.0), (-120.0, 36.0)))

    assert distances == pytest.approx(np.array([[111.2, 0.0]]))


def test_the_nearest_point_of_a_line_may_lie_between_its_corners() -> None:
    """A place beside the middle of a segment is measured to the segment, not to a corner."""
    line = ((-121.0, 36.0), (-121.0, 38.0))

    distance = distance_to_line(column(-120.0), column(37.0), line)

    assert distance == pytest.approx(distance_to_points(column(-120.0), column(37.0), ((-121.0, 37.0),)))


def test_beyond_the_end_of_a_line_its_last_corner_is_nearest() -> None:
    """A place past the end is measured to the end."""
    line = ((-121.0, 36.0), (-121.0, 37.0))

    assert distance_to_line(column(-121.0), column(38.0), line) == pytest.approx(np.array([[111.2]]))


@pytest.mark.parametrize(
    ("name", "longitude", "latitude", "coast_km", "bay_km"),
    [
        ("Santa Monica pier", -118.50, 34.01, 0, 540),
        ("Sacramento", -121.49, 38.58, 130, 88),
        ("Oakland", -122.27, 37.80, 22, 4),
        ("Fresno", -119.79, 36.74, 180, 200),
    ],
)
def test_shores_are_where_they_are(
    name: str, longitude: float, latitude: float, coast_km: float, bay_km: float
) -> None:
    """Known places lie as far from the Pacific and from the bay as on a map, within a tenth and a few kilometres."""
    place = column(longitude), column(latitude)

    assert distance_to_line(*place, COAST)[0, 0] == pytest.approx(coast_km, rel=0.1, abs=3), name
    assert distance_to_line(*place, BAY)[0, 0] == pytest.approx(bay_km, rel=0.1, abs=3), name
