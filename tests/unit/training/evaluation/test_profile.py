"""The profile that is kept with a model, and the counting that training and watchers share."""

import math

import numpy as np
import pandas as pd
import pytest

from housing.features import FEATURE_NAMES, FEATURES
from housing.profile import profile_from_json, profile_to_json, tally
from housing.v1.model_profile_pb2 import Distribution, ErrorMoments, ExpectedErrors, ModelProfile
from housing_training.data.preparation import fill_ocean_proximity
from housing_training.data.table import rows_from_frame
from housing_training.evaluation.profile import BINS, model_profile

ANSWERS = np.linspace(50_000, 400_000, 200)


@pytest.fixture
def rows(table: pd.DataFrame) -> np.ndarray:
    """The rows of the made-up table, the first ten without bedrooms."""
    rows = rows_from_frame(fill_ocean_proximity(table))
    rows[:10, FEATURE_NAMES.index("total_bedrooms")] = np.nan
    return rows


@pytest.fixture
def profile(rows: np.ndarray) -> ModelProfile:
    """Their profile."""
    return model_profile(rows, ANSWERS)


def test_expected_errors_survive_the_file(rows: np.ndarray) -> None:
    """They are part of the profile, and unset where they are not known."""
    known = ExpectedErrors(edges=[1.5], classes=[ErrorMoments(rows=3, absolute_mean=2.25)] * 2, warnings=["FAR"])
    assert profile_from_json(profile_to_json(model_profile(rows, ANSWERS, known))).expected_errors == known
    assert not model_profile(rows, ANSWERS).HasField("expected_errors")


def test_every_row_is_counted_once(profile: ModelProfile, rows: np.ndarray) -> None:
    """For each field, in the contract's order, the counts and what is missing add up to the rows."""
    assert [each.name for each in profile.inputs] == list(FEATURE_NAMES)
    assert {sum(each.counts) + each.missing for each in profile.inputs} == {len(rows)}
    assert sum(profile.median_house_value.counts) == len(ANSWERS)
    assert {each.name: each.missing for each in profile.inputs if each.missing} == {"total_bedrooms": 10}


def test_bins_of_numbers_are_equally_full(profile: ModelProfile) -> None:
    """Nothing that was trained on is out of range, and each bin holds about a tenth."""
    below, *inside, above = profile.median_house_value.counts
    assert (below, above) == (0, 0)
    assert len(inside) == BINS
    assert max(inside) - min(inside) <= 2  # an edge is in the bin above it, the last in the bin below


def test_a_value_that_many_rows_share_is_one_edge(rows: np.ndarray) -> None:
    """Edges ascend strictly, whatever the data: quantiles that coincide are one."""
    rows[:250, FEATURE_NAMES.index("housing_median_age")] = 52.0
    age = model_profile(rows, ANSWERS).inputs[FEATURE_NAMES.index("housing_median_age")]
    assert list(age.edges) == sorted(set(age.edges))
    assert len(age.counts) == len(age.edges) + 1
    assert sum(age.counts) == len(rows)


def test_text_is_counted_by_category(profile: ModelProfile, rows: np.ndarray) -> None:
    """The categories are the contract's spellings, in its order."""
    (proximity,) = (each for each in profile.inputs if each.categories)
    (feature,) = (each for each in FEATURES if each.choices)
    codes = rows[:, FEATURE_NAMES.index(feature.name)].astype(int)
    assert tuple(proximity.categories) == feature.choices
    assert list(proximity.counts) == np.bincount(codes, minlength=len(feature.choices)).tolist()


@pytest.mark.parametrize(
    ("value", "bin_"),
    [(-1.0, 0), (0.0, 1), (0.5, 1), (1.0, 2), (3.0, 2), (3.1, 3), (math.inf, 3)],
)
def test_values_fall_between_edges(value: float, bin_: int) -> None:
    """A bin holds its lower edge; the last one inside holds its upper edge too; the outermost are out of range."""
    counts = tally(Distribution(edges=[0.0, 1.0, 3.0]), [value])
    assert counts == [int(place == bin_) for place in range(4)]


def test_missing_values_are_in_no_bin() -> None:
    """NaN, where a field was left out, is not counted."""
    assert tally(Distribution(edges=[0.0, 1.0]), [math.nan, 0.5]) == [0, 1, 0]
    assert tally(Distribution(categories=["a", "b"]), [math.nan, 1.0]) == [0, 1]


def test_file_is_read_as_it_was_written(profile: ModelProfile) -> None:
    """The JSON is the same every time, and nothing is lost in it."""
    text = profile_to_json(profile)
    assert profile_from_json(text) == profile
    assert profile_to_json(profile_from_json(text)) == text


def test_a_file_that_is_something_else_is_refused() -> None:
    """What is no profile is a ValueError, not an empty profile."""
    with pytest.raises(ValueError, match="not a model profile"):
        profile_from_json('{"prices": [1]}')
