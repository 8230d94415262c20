"""The layout of the table of places."""

import numpy as np
import pytest

from housing.features import FEATURES
from housing_training.geography import grid
from housing_training.geography.grid import BLOCK, Grid


@pytest.fixture
def layout() -> Grid:
    """Every third block is near data."""
    return Grid.around(np.arange(np.prod(grid.shape())) % 3 == 0)


def test_each_row_of_the_table_is_found_by_its_own_place(layout: Grid) -> None:
    """Looking up the middle of each cell or block gives its own row, and no row is left over."""
    centres = layout.centres()

    assert np.array_equal(layout.row_of(centres), np.arange(len(centres)))


def test_a_block_far_from_data_is_one_row(layout: Grid) -> None:
    """All cells of such a block share a row; those of a block near data have their own."""
    east, north = np.divmod(np.arange(BLOCK * BLOCK), BLOCK)
    south_west, _ = grid.corners()
    cells = south_west + np.column_stack([east, north]) / 100

    assert len(set(layout.row_of(cells))) == BLOCK * BLOCK
    assert len(set(layout.row_of(cells + np.array([0, BLOCK / 100])))) == 1


def test_a_place_between_cells_is_taken_for_the_nearest(layout: Grid) -> None:
    """More digits than the census gives are rounded."""
    places = np.array([[-122.2341, 37.8838], [-122.23, 37.88]])

    first, second = layout.row_of(places)

    assert first == second


def test_a_place_beyond_the_contract_is_taken_for_the_nearest_within(layout: Grid) -> None:
    """The lookup never leaves the table."""
    limits = {feature.name: feature for feature in FEATURES}
    west, south = limits["longitude"].minimum, limits["latitude"].minimum

    assert layout.row_of(np.array([[-200.0, -90.0]])) == layout.row_of(np.array([[west, south]]))
    assert layout.row_of(np.array([[0.0, 90.0]])) == len(layout.centres()) - 1
