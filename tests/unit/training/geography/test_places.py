"""The table of what is known about places."""

import numpy as np
import pandas as pd
import pytest

from housing_training.data.preparation import fill_ocean_proximity
from housing_training.data.rows import PLACE, column
from housing_training.data.table import prices_from_frame, rows_from_frame
from housing_training.geography.neighbours import ATTRIBUTES, Neighbourhood
from housing_training.geography.places import FEATURES, LABELS, PlaceTable, geography, rounded
from housing_training.geography.proximity import CHOICES


@pytest.fixture
def rows(table: pd.DataFrame) -> np.ndarray:
    """The made-up block groups."""
    return rows_from_frame(fill_ocean_proximity(table))


@pytest.fixture
def known(table: pd.DataFrame, rows: np.ndarray) -> Neighbourhood:
    """The made-up block groups, as neighbours."""
    return Neighbourhood.of(rows[:, PLACE], prices_from_frame(table), np.ones((len(rows), len(ATTRIBUTES))))


@pytest.fixture
def places(known: Neighbourhood) -> PlaceTable:
    """The table of places that follows from them."""
    return PlaceTable.of(known)


def label(table: np.ndarray, name: str) -> np.ndarray:
    """Return one of the labels."""
    return table[:, len(FEATURES) + LABELS.index(name)]


def test_near_data_the_table_says_what_there_is_to_say(
    places: PlaceTable, known: Neighbourhood, rows: np.ndarray
) -> None:
    """Looking a place up gives, but for rounding to float16, what working it out there gives."""
    direct = np.hstack([geography(rows[:, PLACE]), known.at(rows[:, PLACE])])

    assert np.array_equal(places(rows[:, PLACE])[:, : len(FEATURES)], rounded(direct))


def test_labels_are_those_of_the_rule(places: PlaceTable, rows: np.ndarray) -> None:
    """The label of a place near data is the one that preparation derives there, and it is plausible."""
    looked_up = places(rows[:, PLACE])
    codes, plausible = (label(looked_up, name).astype(int) for name in LABELS[:2])

    assert np.array_equal(codes, rows[:, column("ocean_proximity")])
    assert ((plausible >> codes) & 1).all()


def test_a_label_is_plausible_near_its_border_only(places: PlaceTable) -> None:
    """In Fresno nothing but INLAND is; in Santa Monica INLAND is not."""
    fresno, santa_monica = label(places(np.array([[-119.79, 36.74], [-118.49, 34.02]])), "plausible_labels")
    inland = 1 << CHOICES.index("INLAND")

    assert int(fresno) == inland
    assert not int(santa_monica) & inland
