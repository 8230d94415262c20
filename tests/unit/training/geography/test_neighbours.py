"""Features of places from the block groups around them."""

import numpy as np
import pytest

from housing_training.geography.neighbours import ATTRIBUTES, BEYOND_REACH_KM, NAMES, NEAREST, Neighbourhood, plane

COUNT = 200


@pytest.fixture
def places() -> np.ndarray:
    """Places strewn over a degree of the Central Valley, several of them shared by more than one block group."""
    return np.random.default_rng(5).uniform((-121, 36), (-120, 37), (COUNT, 2)).round(1)


@pytest.fixture
def prices() -> np.ndarray:
    """A different price for each block group."""
    return np.random.default_rng(6).permutation(np.linspace(50_000, 450_000, COUNT))


def neighbourhood(places: np.ndarray, prices: np.ndarray) -> Neighbourhood:
    """Index block groups that differ in nothing but place and price."""
    return Neighbourhood.of(places, prices, np.ones((len(places), len(ATTRIBUTES))))


def feature(features: np.ndarray, name: str) -> np.ndarray:
    """Return one feature by name."""
    return features[:, NAMES.index(name)]


def test_a_row_does_not_see_its_own_price(places: np.ndarray, prices: np.ndarray) -> None:
    """Whatever a block group costs, its features, which come from the others, stay the same."""
    changed = prices.copy()
    changed[7] = 500_001

    before = neighbourhood(places, prices).leave_one_out()
    after = neighbourhood(places, changed).leave_one_out()

    assert np.array_equal(before[7], after[7])
    assert not np.array_equal(before, after)


def test_a_row_does_not_see_its_own_price_among_many_at_one_place(prices: np.ndarray) -> None:
    """Where more block groups share a place than neighbours are looked at, leaving one out still works."""
    same, changed = np.full((COUNT, 2), (-121.0, 37.0)), prices.copy()
    changed[COUNT - 1] = 500_001

    before = neighbourhood(same, prices).leave_one_out()
    after = neighbourhood(same, changed).leave_one_out()

    assert np.array_equal(before[COUNT - 1], after[COUNT - 1])


def test_leaving_one_out_is_asking_those_who_never_knew_it(places: np.ndarray, prices: np.ndarray) -> None:
    """The figures of a row are, but for how dense the others lie, those of its place without it."""
    apart = places + np.random.default_rng(7).uniform(-0.01, 0.01, places.shape)  # no two as far from a third
    others = np.arange(COUNT) != 3

    left_out = neighbourhood(apart, prices).leave_one_out()[3]
    asked = neighbourhood(apart[others], prices[others]).at(apart[3:4])[0]

    but_density = [column for column, name in enumerate(NAMES) if name != "outlier_factor"]
    assert left_out[but_density] == pytest.approx(asked[but_density])


def test_nothing_within_the_radius_is_seen(places: np.ndarray, prices: np.ndarray) -> None:
    """Prices nearby may change as they like: from beyond the radius nothing looks different."""
    near = np.linalg.norm(plane(places) - plane(places[:1]), axis=1) <= 30
    changed = np.where(near, 14_999, prices)

    before = neighbourhood(places, prices).beyond(np.array([0]), np.array([30.0]))
    after = neighbourhood(places, changed).beyond(np.array([0]), np.array([30.0]))

    assert near.sum() > 1
    assert np.array_equal(before, after)
    assert 30 < feature(before, "neighbour_km")[0] < BEYOND_REACH_KM


def test_neighbours_are_averaged_nearest_first(prices: np.ndarray) -> None:
    """On a road with dearer houses to the north, the price at hand grows as more neighbours are asked up there."""
    road = np.column_stack([np.full(COUNT, -120.0), 36 + np.arange(COUNT) / 100])

    features = neighbourhood(road, np.sort(prices)).at(road[:1])

    averages = [feature(features, f"neighbour_price_{count}")[0] for count in NEAREST]
    assert feature(features, "nearest_price")[0] == pytest.approx(50)
    assert averages == sorted(averages)


def test_a_hole_is_distinguished_from_thin_data(places: np.ndarray, prices: np.ndarray) -> None:
    """Amid the data the factor is about 1, however thin they are; a place far from all of them stands out."""
    known = neighbourhood(places, prices)

    assert feature(known.at(places), "outlier_factor").mean() == pytest.approx(1, abs=0.3)
    assert feature(known.at(np.array([[-118.0, 36.5]])), "outlier_factor")[0] > 5
