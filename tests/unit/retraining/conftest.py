"""Small synthetic tables of block groups for the tests of retraining."""

import numpy as np
import pandas as pd
import pytest

from housing_training.data.table import COLUMNS


@pytest.fixture
def block_groups() -> pd.DataFrame:
    """200 block groups at different places, with prices that rise with income and no `ocean_proximity`."""
    rng = np.random.default_rng(5)
    households = rng.integers(50, 900, 200).astype(float)
    income = rng.uniform(0.5, 12, 200).round(4)
    frame = pd.DataFrame(
        {
            "longitude": rng.uniform(-123.5, -116, 200).round(2),
            "latitude": rng.uniform(33, 41, 200).round(2),
            "housing_median_age": rng.integers(1, 52, 200).astype(float),
            "total_rooms": households * 5,
            "total_bedrooms": households,
            "population": households * 3,
            "households": households,
            "median_income": income,
            "ocean_proximity": pd.Series([None] * 200, dtype="str"),
            "median_house_value": (income * 35_000 + 15_000).round(),
        }
    )
    return frame[list(COLUMNS)]
