"""The rule that derives `ocean_proximity` from coordinates, for data and requests that leave it out.

The census never published such a column: the dataset's editors drew it, roughly by travelling time to the sea. This
rule redraws it from distances alone. In order: within `ISLAND_KM` of an island's middle is `ISLAND`; closer to the
Pacific than the band's `near_ocean_km` is `NEAR OCEAN`; closer to the San Francisco Bay than its `near_bay_km` is
`NEAR BAY`; closer to the Pacific than its `one_hour_km` is `<1H OCEAN`; the rest is `INLAND`. Thresholds differ by
latitude, because roads and mountains do: they were fitted to the published labels, with which the rule agrees on 94 %
of the rows (one without bands agrees on 84 %).
"""

from dataclasses import dataclass

import numpy as np

from housing.features import FEATURES
from housing_training.geography.landmarks import ISLANDS, Array, distance_to_points


@dataclass(frozen=True, slots=True, kw_only=True)
class Band:
    """The rule's thresholds from one latitude up to the next band's."""

    south: float
    """Latitude where the band begins, in degrees."""
    near_ocean_km: float
    """`NEAR OCEAN` is nearer to the Pacific than this; 0 where the labels do not use it."""
    one_hour_km: float
    """`<1H OCEAN` is nearer to the Pacific than this."""
    near_bay_km: float = 0.0
    """`NEAR BAY` is nearer to the bay than this."""


BANDS = (
    Band(south=32.0, near_ocean_km=16, one_hour_km=48),
    Band(south=32.9, near_ocean_km=9, one_hour_km=54),
    Band(south=33.3, near_ocean_km=0, one_hour_km=50),
    Band(south=33.7, near_ocean_km=5, one_hour_km=52),
    Band(south=33.8, near_ocean_km=0, one_hour_km=44),
    Band(south=34.1, near_ocean_km=12, one_hour_km=38),
    Band(south=34.3, near_ocean_km=18, one_hour_km=50),
    Band(south=36.5, near_ocean_km=7, one_hour_km=25),
    Band(south=37.0, near_ocean_km=20, one_hour_km=54, near_bay_km=8),
    Band(south=37.7, near_ocean_km=3, one_hour_km=48, near_bay_km=25),
    Band(south=38.0, near_ocean_km=14, one_hour_km=52, near_bay_km=25),
)
"""From south to north; the last one reaches to Oregon."""

ISLAND_KM = 20.0
"""Reach of an island from its middle: Santa Catalina, the longest, is 35 km long and 30 km off the mainland."""

CHOICES = next(feature.choices for feature in FEATURES if feature.name == "ocean_proximity")
"""The contract's spellings, in the order of their codes."""


def ocean_proximity(*, longitude: Array, latitude: Array, coast_km: Array, bay_km: Array) -> Array:
    """Derive the code of `ocean_proximity` from where places are.

    Args:
        longitude: degrees, float64, shape (n, 1).
        latitude: degrees, float64, shape (n, 1).
        coast_km: distance to the Pacific, float64, shape (n, 1).
        bay_km: distance to the San Francisco Bay, float64, shape (n, 1).

    Returns:
        Indexes into `CHOICES`, as float64 like all of a row, shape (n, 1).
    """
    xp = longitude.__array_namespace__()
    reached = _bands_reached(latitude)
    code = xp.full_like(coast_km, _code("INLAND"))
    code = xp.where(coast_km < _threshold(reached, "one_hour_km"), _code("<1H OCEAN"), code)
    code = xp.where(bay_km < _threshold(reached, "near_bay_km"), _code("NEAR BAY"), code)
    code = xp.where(coast_km < _threshold(reached, "near_ocean_km"), _code("NEAR OCEAN"), code)
    near_islands = xp.astype(distance_to_points(longitude, latitude, ISLANDS) < ISLAND_KM, xp.float64)
    return xp.where(xp.sum(near_islands, axis=1)[:, None] > 0.0, _code("ISLAND"), code)


def _bands_reached(latitude: Array) -> Array:
    """Mark with 1 every band that begins south of each place, its own included: shape (n, bands)."""
    xp = latitude.__array_namespace__()
    return xp.astype(latitude >= xp.asarray(np.asarray([band.south for band in BANDS])), xp.float64)


def _threshold(reached: Array, name: str) -> Array:
    """Compute a threshold as the sum of its steps from band to band, which whole kilometres make exact."""
    xp = reached.__array_namespace__()
    steps = np.diff([getattr(band, name) for band in BANDS], prepend=0.0)
    return xp.sum(reached * xp.asarray(steps), axis=1)[:, None]


def _code(choice: str) -> float:
    return float(CHOICES.index(choice))
