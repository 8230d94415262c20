"""What is known about a place: its geography and its neighbours, as a table that a graph can carry.

All of it depends on longitude and latitude alone, so it is computed beforehand for each cell of the `Grid` and looked
up. It is kept as float16, and training reads the same rounded figures.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Self, TypeVar

import numpy as np
import numpy.typing as npt
from scipy.ndimage import binary_dilation

from housing_training.geography import grid, neighbours
from housing_training.geography.grid import Grid
from housing_training.geography.landmarks import (
    BAY,
    CITIES,
    COAST,
    KM_PER_DEGREE,
    LONGITUDE_SCALE,
    Array,
    distance_to_line,
    distance_to_points,
)
from housing_training.geography.neighbours import Neighbourhood, plane
from housing_training.geography.proximity import CHOICES, ocean_proximity
from housing_training.geography.waters import open_water

GEOGRAPHY = (
    "coast_km",
    "bay_km",
    "san_francisco_km",
    "los_angeles_km",
    "san_diego_km",
    "san_jose_km",
    "sacramento_km",
)
"""What follows from a place's position on the map."""
FEATURES = (*GEOGRAPHY, *neighbours.NAMES)
"""What models read about a place, in order."""
LABELS = ("ocean_proximity", "plausible_labels", "open_water")
"""The code of the label by the rule, the sum of 2 to the power of the code of each label that is plausible, and 1 on
open water."""
DERIVED_LABEL = slice(len(FEATURES), len(FEATURES) + 1)
"""Column of the label by the rule in a row of the table."""
NEAR_DATA_KM = 8.0
"""Blocks whose middle is closer to data than this have a row for each cell."""
PLAUSIBLE_KM = 20.0
"""A label is plausible where the rule gives it to some place within this distance: its borders are not sharp."""
AT_ONCE = 2_000
"""Places whose distances to all of the shore are in memory at once: few enough for a processor's cache."""

_Read = TypeVar("_Read", bound=np.generic)
_Made = TypeVar("_Made", bound=np.generic)

Floats = npt.NDArray[np.float64]
Halves = npt.NDArray[np.float16]


@dataclass(frozen=True, slots=True, kw_only=True)
class PlaceTable:
    """What is known about every place of the contract's range."""

    grid: Grid
    """Which row a place is at."""
    rows: Halves
    """`FEATURES` and `LABELS` of each cell or block, shape (rows, columns)."""

    @classmethod
    def of(cls, neighbourhood: Neighbourhood) -> Self:
        """Compute the table from what is known."""
        layout = Grid.around(_near(neighbourhood))
        centres = layout.centres()
        positions = in_parts(geography, centres)
        known_km, _ = neighbourhood.tree.query(plane(centres))
        water = open_water(centres, known_km)[:, None]
        columns = [positions, in_parts(neighbourhood.at, centres), _labels(centres, positions), water]
        return cls(grid=layout, rows=np.concatenate(columns, axis=1).astype(np.float16))

    def __call__(self, places: Array) -> Array:
        """Look up longitude and latitude in degrees, shape (n, 2): `FEATURES` and `LABELS`, float64, shape (n, k)."""
        xp = places.__array_namespace__()
        return xp.astype(xp.take(xp.asarray(self.rows), self.grid.row_of(places), axis=0), xp.float64)


def geography(places: Floats) -> Floats:
    """Compute `GEOGRAPHY` of places, longitude and latitude in degrees, shape (n, 2): shape (n, columns)."""
    longitude, latitude = places.T[..., None]
    shores = [distance_to_line(longitude, latitude, line) for line in (COAST, BAY)]
    return np.concatenate([*shores, distance_to_points(longitude, latitude, CITIES)], axis=1)


def rounded(features: Floats) -> Floats:
    """Round as the table does."""
    return features.astype(np.float16).astype(np.float64)


def in_parts(
    function: Callable[[npt.NDArray[_Read]], npt.NDArray[_Made]], rows: npt.NDArray[_Read]
) -> npt.NDArray[_Made]:
    """Apply a function to a few rows at a time, since its intermediate results are large; once if there are none."""
    return np.concatenate([function(rows[at : at + AT_ONCE]) for at in range(0, max(len(rows), 1), AT_ONCE)])


def _near(neighbourhood: Neighbourhood) -> npt.NDArray[np.bool_]:
    distances, _ = neighbourhood.tree.query(plane(grid.block_centres()))
    near: npt.NDArray[np.bool_] = distances < NEAR_DATA_KM
    return near


def _labels(centres: Floats, positions: Floats) -> Floats:
    """Compute the label by the rule and the plausible ones of the table's rows, whose geography is given."""
    code = _rule(centres, positions).astype(np.int64)
    plausible = _plausible_by_block()[grid.block_of(centres)] | (1 << code)
    return np.column_stack([code, plausible]).astype(np.float64)


def _plausible_by_block() -> npt.NDArray[np.int64]:
    """Sum up, for each block, the labels that the rule gives to blocks within `PLAUSIBLE_KM`: shape (blocks,)."""
    centres = grid.block_centres()
    codes = _rule(centres, in_parts(geography, centres)).reshape(grid.shape())
    found = [binary_dilation(codes == code, _disk()).astype(np.int64) << code for code in range(len(CHOICES))]
    plausible: npt.NDArray[np.int64] = np.sum(found, axis=0).ravel()
    return plausible


def _disk() -> npt.NDArray[np.bool_]:
    """Mark the blocks within `PLAUSIBLE_KM` of the one in the middle."""
    side = KM_PER_DEGREE * grid.BLOCK / grid.CELLS_PER_DEGREE
    reach = int(PLAUSIBLE_KM / (side * LONGITUDE_SCALE))
    east, north = np.mgrid[-reach : reach + 1, -reach : reach + 1]
    disk: npt.NDArray[np.bool_] = np.hypot(east * side * LONGITUDE_SCALE, north * side) <= PLAUSIBLE_KM
    return disk


def _rule(places: Floats, positions: Floats) -> Floats:
    longitude, latitude = places.T[..., None]
    coast, bay = (positions[:, GEOGRAPHY.index(name), None] for name in ("coast_km", "bay_km"))
    code: Floats = ocean_proximity(longitude=longitude, latitude=latitude, coast_km=coast, bay_km=bay)[:, 0]
    return code
