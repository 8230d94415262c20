"""Where a place lies relative to California's sea, bay, islands and cities.

Everything here is written against the Array API standard, so that the same lines run on NumPy arrays in training and
are traced into the ONNX graph that is served. Places are pairs of longitude and latitude in degrees; distances are in
kilometres on a plane that is true to scale at 37 degrees north, which is within 4 % anywhere in the state.
"""

from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

Array: TypeAlias = Any
"""An array of any namespace of the Array API standard, which publishes no types."""

KM_PER_DEGREE = 111.2
"""Length of a degree of latitude."""
LONGITUDE_SCALE = 0.7986355100472928
"""Length of a degree of longitude in degrees of latitude at 37 degrees north, the middle of the state: the cosine."""

# fmt: off
COAST = (
    (-124.21, 42.00), (-124.25, 41.78), (-124.08, 41.54), (-124.09, 41.29), (-124.15, 41.06), (-124.21, 40.80),
    (-124.41, 40.44), (-124.36, 40.26), (-124.07, 40.03), (-123.83, 39.78), (-123.81, 39.44), (-123.80, 39.31),
    (-123.74, 38.95), (-123.53, 38.77), (-123.25, 38.51), (-123.12, 38.44), (-123.06, 38.31), (-122.99, 38.24),
    (-123.02, 38.00), (-122.88, 38.03), (-122.70, 37.91), (-122.53, 37.82), (-122.51, 37.78), (-122.50, 37.70),
    (-122.51, 37.60), (-122.49, 37.50), (-122.44, 37.46), (-122.40, 37.18), (-122.33, 37.11), (-122.06, 36.95),
    (-121.95, 36.97), (-121.79, 36.80), (-121.85, 36.62), (-121.93, 36.64), (-121.95, 36.52), (-121.90, 36.30),
    (-121.59, 36.06), (-121.33, 35.80), (-121.28, 35.66), (-121.10, 35.56), (-120.86, 35.37), (-120.90, 35.25),
    (-120.74, 35.17), (-120.64, 35.14), (-120.65, 34.97), (-120.67, 34.90), (-120.63, 34.75), (-120.65, 34.58),
    (-120.47, 34.45), (-120.23, 34.47), (-119.88, 34.41), (-119.69, 34.40), (-119.52, 34.39), (-119.31, 34.28),
    (-119.22, 34.15), (-119.10, 34.09), (-118.80, 34.00), (-118.68, 34.03), (-118.55, 34.04), (-118.50, 34.01),
    (-118.46, 33.96), (-118.39, 33.84), (-118.42, 33.77), (-118.29, 33.71), (-118.19, 33.76), (-118.11, 33.74),
    (-118.00, 33.65), (-117.90, 33.60), (-117.78, 33.54), (-117.70, 33.46), (-117.58, 33.38), (-117.39, 33.20),
    (-117.30, 33.04), (-117.27, 32.95), (-117.28, 32.85), (-117.24, 32.67), (-117.18, 32.68), (-117.13, 32.58),
    (-117.12, 32.53),
)
"""The shore of the Pacific, from the Oregon border to Mexico, drawn from cape to cape."""

BAY = (
    (-122.48, 37.82), (-122.41, 37.81), (-122.36, 37.73), (-122.37, 37.62), (-122.31, 37.58), (-122.20, 37.52),
    (-122.10, 37.46), (-122.00, 37.43), (-121.95, 37.46), (-122.08, 37.52), (-122.15, 37.63), (-122.20, 37.68),
    (-122.26, 37.72), (-122.31, 37.77), (-122.30, 37.84), (-122.32, 37.87), (-122.39, 37.91), (-122.43, 37.96),
    (-122.30, 38.01), (-122.24, 38.05), (-122.26, 38.08), (-122.42, 38.12), (-122.50, 38.11), (-122.49, 37.97),
    (-122.45, 37.87), (-122.48, 37.85),
)
"""The shore of San Francisco and San Pablo Bay, from the Golden Gate around and back to it."""

ISLANDS = ((-118.42, 33.39), (-118.49, 32.90), (-119.50, 33.25), (-119.76, 34.02), (-120.10, 33.97), (-120.37, 34.04))
"""The middles of Santa Catalina, San Clemente, San Nicolas, Santa Cruz, Santa Rosa and San Miguel."""
# fmt: on

CITIES = ((-122.42, 37.77), (-118.24, 34.05), (-117.16, 32.72), (-121.89, 37.34), (-121.49, 38.58))
"""San Francisco, Los Angeles, San Diego, San Jose and Sacramento, whose prices reach far into the country."""


def distance_to_line(longitude: Array, latitude: Array, line: tuple[tuple[float, float], ...]) -> Array:
    """Measure how far each place is from the nearest point of a line.

    Args:
        longitude: float64, shape (n, 1).
        latitude: float64, shape (n, 1).
        line: the line's corners, at least two.

    Returns:
        Kilometres, float64, shape (n, 1).
    """
    xp = longitude.__array_namespace__()
    corners = _plane(line)
    steps = np.diff(corners, axis=0)
    east, north = _offsets(longitude, latitude, corners[:-1])
    per_length = steps / np.sum(steps**2, axis=1, keepdims=True)
    share = xp.clip(east * xp.asarray(per_length[:, 0]) + north * xp.asarray(per_length[:, 1]), 0.0, 1.0)
    east, north = east - share * xp.asarray(steps[:, 0]), north - share * xp.asarray(steps[:, 1])
    nearest = xp.min(east * east + north * north, axis=1)
    return KM_PER_DEGREE * xp.sqrt(nearest[:, None])


def distance_to_points(longitude: Array, latitude: Array, points: tuple[tuple[float, float], ...]) -> Array:
    """Measure how far each place, shape (n, 1), is from each of k points: kilometres, float64, shape (n, k)."""
    xp = longitude.__array_namespace__()
    east, north = _offsets(longitude, latitude, _plane(points))
    return KM_PER_DEGREE * xp.sqrt(east * east + north * north)


def _plane(places: tuple[tuple[float, float], ...]) -> npt.NDArray[np.float64]:
    return np.asarray(places) * (LONGITUDE_SCALE, 1.0)


def _offsets(longitude: Array, latitude: Array, origins: npt.NDArray[np.float64]) -> tuple[Array, Array]:
    """Return how far east and north of each of k origins places are: degrees of latitude, shape (n, k) each."""
    xp = longitude.__array_namespace__()
    return longitude * LONGITUDE_SCALE - xp.asarray(origins[:, 0]), latitude - xp.asarray(origins[:, 1])
