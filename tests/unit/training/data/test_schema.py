"""The schema check and what it says about broken rows."""

from typing import Any

import numpy as np
import pandas as pd
import pytest

from housing.features import FEATURES
from housing_training.data.schema import LEAST_ROWS, REASONS_SHOWN, validate
from housing_training.errors import TableError

REQUIRED = [feature.name for feature in FEATURES if feature.required] + ["median_house_value"]
OPTIONAL = [feature.name for feature in FEATURES if not feature.required]
BOUNDED = [feature for feature in FEATURES if feature.minimum is not None and feature.maximum is not None]


def spoil(table: pd.DataFrame, column: str, value: Any, row: int = 4) -> pd.DataFrame:
    """Return the table with a value replaced in the fifth row."""
    spoilt = table.astype({column: object})
    spoilt.loc[row, column] = value
    return spoilt


def test_a_sound_table_passes_with_numbers_as_float64(table: pd.DataFrame) -> None:
    """Whole numbers are welcome and become floats."""
    checked = validate(table.astype({"total_rooms": "int64"}))

    assert checked["total_rooms"].dtype == np.float64
    assert len(checked) == len(table)


@pytest.mark.parametrize("feature", BOUNDED, ids=lambda feature: feature.name)
@pytest.mark.parametrize("side", ["minimum", "maximum"])
def test_bounds_are_those_of_the_contract(table: pd.DataFrame, feature: Any, side: str) -> None:
    """Every number is held to the contract's own limits, and the limit and the row are named."""
    limit = getattr(feature, side)
    outside = np.nextafter(limit, np.inf if side == "maximum" else -np.inf)

    with pytest.raises(TableError, match=rf"row 5, {feature.name} = .*must be within {feature.minimum}"):
        validate(spoil(table, feature.name, outside))


@pytest.mark.parametrize("column", REQUIRED)
def test_required_values_must_be_there(table: pd.DataFrame, column: str) -> None:
    """A gap in a required column is named."""
    with pytest.raises(TableError, match=f"row 5, {column}: is missing"):
        validate(spoil(table, column, np.nan))


@pytest.mark.parametrize("column", OPTIONAL)
def test_optional_values_may_be_missing(table: pd.DataFrame, column: str) -> None:
    """A gap in an optional column stays a gap."""
    assert validate(spoil(table, column, np.nan))[column].isna()[4]


@pytest.mark.parametrize(
    ("column", "value", "reason"),
    [
        ("latitude", "north", "latitude = north: must be a number"),
        ("ocean_proximity", "MOON", "ocean_proximity = MOON: must be one of <1H OCEAN"),
        ("total_bedrooms", 40_000, "total_bedrooms = 40000.0: must be no more than total_rooms"),
        ("median_house_value", 0, "median_house_value = 0.0: must be a price above 0"),
        ("median_house_value", np.inf, "median_house_value = inf: must be a price above 0"),
        ("median_income", np.inf, "median_income = inf: must be within"),
    ],
)
def test_a_broken_value_is_named_with_its_row(table: pd.DataFrame, column: str, value: Any, reason: str) -> None:
    """The error says which row, which value and what is wrong, once."""
    with pytest.raises(TableError) as raised:
        validate(spoil(table, column, value))

    assert f"row 5, {reason}" in str(raised.value)
    assert str(raised.value).startswith("1 row breaks the schema")


def test_many_broken_rows_are_counted_and_the_first_named(table: pd.DataFrame) -> None:
    """A hopeless file does not flood the terminal."""
    with pytest.raises(TableError) as raised:
        validate(table.assign(median_income=99.0))

    lines = str(raised.value).splitlines()
    assert lines[0].startswith("300 rows break the schema")
    assert len(lines) == REASONS_SHOWN + 2
    assert lines[-1] == "  and 290 more"


def test_too_few_rows_are_refused(table: pd.DataFrame) -> None:
    """A table that cannot be cross-validated is refused at once."""
    with pytest.raises(TableError, match=f"has 99 rows; at least {LEAST_ROWS}"):
        validate(table.head(99))
