"""Where there is water and nobody lives: off the coast, and on the bay and the large lakes.

Block groups are known by the middle of their area, and some of it is water, so a few lie a little off the shore. Water
is called open where it is away from the shore and from every block group that is known.
"""

import numpy as np
import numpy.typing as npt

from housing_training.geography.landmarks import BAY, COAST, distance_to_line

OFF_SHORE_KM = 2.0
"""Water nearer to its shore than this is not called open: shores are drawn from cape to cape."""
UNKNOWN_KM = 1.5
"""Nor is water nearer to a known block group than this."""

# fmt: off
LAKES = (
    (
        (-120.14, 39.17), (-120.12, 39.22), (-120.03, 39.24), (-119.96, 39.23), (-119.93, 39.17), (-119.93, 39.08),
        (-119.95, 38.98), (-120.02, 38.94), (-120.08, 38.95), (-120.11, 39.05),
    ),
    (
        (-116.10, 33.50), (-115.98, 33.53), (-115.90, 33.46), (-115.75, 33.33), (-115.62, 33.24), (-115.64, 33.17),
        (-115.76, 33.17), (-115.86, 33.20), (-115.93, 33.30), (-116.02, 33.42),
    ),
    (
        (-122.91, 39.04), (-122.86, 39.09), (-122.80, 39.08), (-122.76, 39.02), (-122.64, 38.97), (-122.66, 38.93),
        (-122.75, 38.98), (-122.84, 38.99),
    ),
    (
        (-119.13, 38.02), (-119.06, 38.06), (-118.96, 38.05), (-118.92, 38.00), (-118.95, 37.96), (-119.06, 37.96),
    ),
)
"""The shores of Lake Tahoe, the Salton Sea, Clear Lake and Mono Lake."""
# fmt: on

_FAR_OUT = ((-117.12, 30.0), (-130.0, 30.0), (-130.0, 42.0))
"""Corners that close the coast to the shore of a part of the Pacific."""

Floats = npt.NDArray[np.float64]
Line = tuple[tuple[float, float], ...]


def open_water(places: Floats, known_km: Floats) -> npt.NDArray[np.bool_]:
    """Return whether places are on open water.

    Args:
        places: longitude and latitude in degrees, shape (n, 2).
        known_km: how far the nearest known block group is from each, shape (n,).

    Returns:
        Shape (n,).
    """
    found = np.zeros(len(places), bool)
    for shore, outline in ((COAST, (*COAST, *_FAR_OUT)), *((closed, closed) for closed in map(_closed, (BAY, *LAKES)))):
        within = np.flatnonzero(_inside(places, outline))
        longitude, latitude = places[within, :1], places[within, 1:]
        found[within] |= distance_to_line(longitude, latitude, shore)[:, 0] > OFF_SHORE_KM
    return found & (known_km > UNKNOWN_KM)


def _closed(shore: Line) -> Line:
    return (*shore, shore[0])


def _inside(places: Floats, outline: Line) -> npt.NDArray[np.bool_]:
    """Return whether places are inside an outline: whether a line to the east crosses it an odd number of times."""
    inside = np.zeros(len(places), bool)
    for (west, south), (east, north) in zip(outline, outline[1:] + outline[:1], strict=True):
        crossed = (places[:, 1] < south) != (places[:, 1] < north)
        at = west + (places[crossed, 1] - south) / (north - south) * (east - west)
        inside[crossed] ^= places[crossed, 0] < at
    return inside
