"""Splitting the table and filling it in."""

import numpy as np
import pandas as pd
import pytest
from sklearn.model_selection import train_test_split

from housing_training.data.preparation import fill_ocean_proximity, prepare
from housing_training.data.rows import column
from housing_training.data.table import prices_from_frame, rows_from_frame
from housing_training.geography.proximity import CHOICES
from housing_training.params.schema import PrepareParams

PARAMS = PrepareParams(test_size=0.2, seed=42)


def test_the_split_is_that_of_scikit_learn(table: pd.DataFrame) -> None:
    """The rows held out are those that anybody gets by the same call on the same table."""
    expected_train, expected_test = train_test_split(table, test_size=0.2, random_state=42)

    train, test = prepare(table, PARAMS)

    for part, expected in ((train, expected_train), (test, expected_test)):
        assert part["median_house_value"].tolist() == expected["median_house_value"].tolist()
        assert part["longitude"].tolist() == expected["longitude"].tolist()


def test_only_missing_labels_are_derived(table: pd.DataFrame) -> None:
    """A label that the source gives is kept, even where the rule says otherwise."""
    derived = fill_ocean_proximity(table)["ocean_proximity"]
    table.loc[0, "ocean_proximity"] = "INLAND"

    filled = fill_ocean_proximity(table)["ocean_proximity"]

    assert (derived[0], filled[0]) == ("ISLAND", "INLAND")
    assert filled[1:].tolist() == derived[1:].tolist()
    assert filled.notna().all()


def test_rows_hold_codes_and_gaps(table: pd.DataFrame) -> None:
    """Text becomes the index of its spelling, and what is missing NaN."""
    table.loc[0, "ocean_proximity"] = "INLAND"
    table.loc[1, "total_bedrooms"] = np.nan

    rows = rows_from_frame(table)

    label, bedrooms = rows[:, column("ocean_proximity")], rows[:, column("total_bedrooms")]
    assert label[0] == CHOICES.index("INLAND")
    assert np.isnan([label[1], bedrooms[1]]).all()
    assert rows[:, column("longitude")] == pytest.approx(table["longitude"])
    assert prices_from_frame(table).dtype == np.float64
