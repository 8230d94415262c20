"""Access to the fields of rows by name."""

import re

import numpy as np
import pytest

from housing.features import FEATURE_NAMES
from housing_training.data.rows import COUNTED, FIGURES, LABEL, PLACE, column, replaced
from running import ROOT

NUMBERED = re.compile(r"\brows\[[^\]\n]*, *:?-?\d")
"""Indexing a row's columns by number."""
FOLDERS = ("training", "monitoring", "tests/unit/training", "tests/unit/monitoring", "tests/model")


@pytest.mark.parametrize(
    ("columns", "names"),
    [
        (PLACE, ("longitude", "latitude")),
        (COUNTED, ("total_rooms", "total_bedrooms", "population", "households")),
        (FIGURES, ("housing_median_age", "total_rooms", "total_bedrooms", "population", "households", "median_income")),
        (LABEL, ("ocean_proximity",)),
    ],
)
def test_columns_are_those_of_the_contract(columns: slice, names: tuple[str, ...]) -> None:
    """Fields that are used together lie side by side in the contract."""
    assert FEATURE_NAMES[columns] == names


def test_replacing_fields_changes_nothing_else() -> None:
    """One value serves all rows, an array one each; the rows that were passed stay as they were."""
    rows = np.zeros((2, len(FEATURE_NAMES)))

    changed = replaced(rows, households=3.0, median_income=np.array([1.0, 2.0]))

    assert changed[:, column("households")].tolist() == [3.0, 3.0]
    assert changed[:, column("median_income")].tolist() == [1.0, 2.0]
    assert changed.sum() == 9.0
    assert not rows.any()


def test_nobody_counts_columns() -> None:
    """Columns of rows are named everywhere, so that no reader has to count fields."""
    numbered = [
        f"{path.relative_to(ROOT)}: {line.strip()}"
        for folder in FOLDERS
        for path in sorted((ROOT / folder).rglob("*.py"))
        for line in path.read_text("utf-8").splitlines()
        if NUMBERED.search(line)
    ]

    assert numbered == []
