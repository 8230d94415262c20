"""Feature engineering on arrays."""

import numpy as np
import pandas as pd
import pytest

from housing.features import FEATURE_NAMES
from housing_training.data.rows import column
from housing_training.data.table import rows_from_frame
from housing_training.features.transform import REDUNDANT_COLUMNS, FeatureTransform
from housing_training.geography.proximity import CHOICES

BERKELEY = [-122.23, 37.88, 41.0, 880.0, 129.0, 322.0, 126.0, 8.3252, float(CHOICES.index("NEAR BAY"))]


@pytest.fixture
def transform() -> FeatureTransform:
    """A transform that puts 1.1 bedrooms into every household."""
    return FeatureTransform(bedrooms_per_household=1.1)


def without(name: str) -> np.ndarray:
    """Return Berkeley's row without a field."""
    row = np.array([BERKELEY])
    row[0, FEATURE_NAMES.index(name)] = np.nan
    return row


def test_ratios_are_those_of_the_given_counts(transform: FeatureTransform) -> None:
    """A household's rooms, a room's bedrooms and the like are plain quotients."""
    named = transform.named(np.array([BERKELEY]))

    assert named["rooms_per_household"][0, 0] == 880 / 126
    assert named["bedrooms_per_room"][0, 0] == 129 / 880
    assert named["people_per_household"][0, 0] == 322 / 126


def test_missing_bedrooms_are_estimated_from_households(transform: FeatureTransform) -> None:
    """Bedrooms that were left out are as many as such households have."""
    assert transform.named(without("total_bedrooms"))["total_bedrooms"][0, 0] == pytest.approx(126 * 1.1)


def test_estimated_bedrooms_never_exceed_the_rooms() -> None:
    """The estimate keeps the rule that requests are held to."""
    greedy = FeatureTransform(bedrooms_per_household=50.0)

    assert greedy.named(without("total_bedrooms"))["total_bedrooms"][0, 0] == 880


def test_fitting_ignores_rows_without_bedrooms(table: pd.DataFrame) -> None:
    """The median is that of the rows that have both figures."""
    rows = rows_from_frame(table)
    expected = float(np.median((rows[:, column("total_bedrooms")] / rows[:, column("households")])[1:]))
    rows[0, column("total_bedrooms")] = np.nan

    assert FeatureTransform.fit(rows).bedrooms_per_household == expected


def test_a_given_ocean_proximity_is_used(transform: FeatureTransform) -> None:
    """What the caller says comes before what the rule would derive."""
    row = np.array([BERKELEY])
    row[0, -1] = CHOICES.index("ISLAND")

    assert transform(row).ocean_proximity[0] == CHOICES.index("ISLAND")


def test_a_missing_ocean_proximity_is_derived(transform: FeatureTransform) -> None:
    """Berkeley is near the bay, said or not: all its features are the same."""
    left_out, given = transform(without("ocean_proximity")), transform(np.array([BERKELEY]))

    assert left_out.ocean_proximity[0] == CHOICES.index("NEAR BAY")
    assert np.array_equal(left_out.matrix, given.matrix)


def test_no_feature_is_ever_missing(transform: FeatureTransform) -> None:
    """With both optional fields left out, every feature still has a value, as float32."""
    row = without("total_bedrooms")
    row[0, -1] = np.nan

    matrix = transform(row).matrix

    assert np.isfinite(matrix).all()
    assert matrix.dtype == np.float32


def test_redundant_columns_are_last(transform: FeatureTransform) -> None:
    """The columns that linear models leave out are the sums of the first two, at the end."""
    matrix = transform(np.array([BERKELEY])).matrix[0]

    assert matrix[-REDUNDANT_COLUMNS:] == pytest.approx([-122.23 + 37.88, -122.23 - 37.88])
