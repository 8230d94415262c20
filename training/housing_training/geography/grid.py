"""The grid of cells that all that is known about places is tabulated on.

The census rounds coordinates to 0.01 degree, so a cell of that size is one place. Five by five cells are a block. A
block near data keeps a row of the table for each of its cells; any other has one row, that of its middle, for all of
them. The blocks cover the contract's range of coordinates; a place beyond it is taken for the nearest one within.
"""

from dataclasses import dataclass
from typing import Self

import numpy as np
import numpy.typing as npt

from housing.features import FEATURES
from housing_training.geography.landmarks import Array

CELLS_PER_DEGREE = 100.0
"""As the census rounds coordinates."""
BLOCK = 5
"""Cells along the side of a block."""

Bounds = npt.NDArray[np.float64]


def corners() -> tuple[Bounds, Bounds]:
    """Return the south-west and north-east corners of the contract's range: longitude and latitude, shape (2,) each."""
    ranges = {feature.name: (feature.minimum, feature.maximum) for feature in FEATURES}
    west_east, south_north = ranges["longitude"], ranges["latitude"]
    return np.array([west_east[0], south_north[0]]), np.array([west_east[1], south_north[1]])


@dataclass(frozen=True, slots=True, kw_only=True)
class Grid:
    """Which row of the table a place is at."""

    firsts: npt.NDArray[np.int64]
    """First row of each block, blocks from west to east and in each column from south to north, shape (blocks,)."""
    steps: npt.NDArray[np.int64]
    """1 for each block that has a row for each of its cells, 0 for the others, shape (blocks,)."""

    @classmethod
    def around(cls, near_data: npt.NDArray[np.bool_]) -> Self:
        """Assign rows of the table, given whether each block is near data, shape (blocks,)."""
        rows = np.where(near_data, BLOCK * BLOCK, 1)
        return cls(firsts=np.cumsum(rows) - rows, steps=near_data.astype(np.int64))

    def centres(self) -> npt.NDArray[np.float64]:
        """List the longitude and latitude of each row of the table, shape (rows, 2)."""
        fine, corner = self.steps.astype(bool), block_positions() * BLOCK
        within = np.column_stack(np.divmod(np.arange(BLOCK * BLOCK), BLOCK))
        cells = np.empty((len(fine) + int(fine.sum()) * (BLOCK * BLOCK - 1), 2))
        cells[self.firsts[~fine]] = corner[~fine] + BLOCK // 2
        cells[self.firsts[fine, None] + np.arange(BLOCK * BLOCK)] = corner[fine, None] + within
        return _place_of(cells)

    def row_of(self, places: Array) -> Array:
        """Find the row of the table that each place is at.

        Args:
            places: longitude and latitude in degrees, float64, shape (n, 2).

        Returns:
            int64, shape (n,).
        """
        xp = places.__array_namespace__()
        cell = _cell_of(places)
        block = xp.floor(cell / BLOCK)
        within = _numbered(cell - block * BLOCK, BLOCK)
        number = _numbered(block, shape()[1])
        first, step = (xp.take(xp.asarray(each), number, axis=0) for each in (self.firsts, self.steps))
        return first + step * within


def _cell_of(places: Array) -> Array:
    """Count the cell of each place, shape (n, 2), from the west and from the south: whole float64, shape (n, 2)."""
    xp = places.__array_namespace__()
    south_west, _ = corners()
    cell = xp.round((places - xp.asarray(south_west)) * CELLS_PER_DEGREE)
    return xp.minimum(xp.maximum(cell, 0.0), xp.asarray(np.asarray(shape()) * BLOCK - 1.0))


def _numbered(counted: Array, width: int) -> Array:
    """Number what is counted from the west and from the south, whole float64, shape (n, 2): int64, shape (n,)."""
    xp = counted.__array_namespace__()
    return xp.astype(xp.sum(counted * xp.asarray(np.array([width, 1.0])), axis=1), xp.int64)


def _place_of(cells: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    south_west, _ = corners()
    places: npt.NDArray[np.float64] = (south_west + cells / CELLS_PER_DEGREE).round(2)
    return places


def cell_places(places: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Return longitude and latitude of the middle of the cell that each place is in, shape (n, 2) both."""
    return _place_of(_cell_of(places))


def block_of(places: npt.NDArray[np.float64]) -> npt.NDArray[np.int64]:
    """Return the number of the block that each place, shape (n, 2), is in: shape (n,)."""
    numbers: npt.NDArray[np.int64] = _numbered(_cell_of(places) // BLOCK, shape()[1])
    return numbers


def shape() -> tuple[int, int]:
    """Return how many blocks there are from west to east and from south to north."""
    south_west, north_east = corners()
    cells = np.round((north_east - south_west) * CELLS_PER_DEGREE) + 1
    east, north = np.ceil(cells / BLOCK).astype(int)
    return int(east), int(north)


def block_positions() -> npt.NDArray[np.int64]:
    """Count each block from the west and from the south, in order: shape (blocks, 2)."""
    return np.stack(np.meshgrid(*map(np.arange, shape()), indexing="ij"), axis=-1).reshape(-1, 2)


def block_centres() -> npt.NDArray[np.float64]:
    """List the longitude and latitude of each block's middle, shape (blocks, 2)."""
    return _place_of((block_positions() * BLOCK + BLOCK // 2).astype(np.float64))
