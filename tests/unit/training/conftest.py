"""Small tables of made-up block groups."""

import numpy as np
import pandas as pd
import pytest

from housing_training.table import COLUMNS


@pytest.fixture
def table() -> pd.DataFrame:
    """300 block groups strewn over California, richer ones dearer, all fields given but `ocean_proximity`."""
    rng = np.random.default_rng(7)
    households = rng.integers(50, 900, 300).astype(float)
    rooms = (households * rng.uniform(3, 8, 300)).round()
    income = rng.uniform(0.5, 12, 300).round(4)
    frame = pd.DataFrame(
        {
            "longitude": rng.uniform(-123.5, -116, 300).round(2),
            "latitude": rng.uniform(33, 41, 300).round(2),
            "housing_median_age": rng.integers(1, 52, 300).astype(float),
            "total_rooms": rooms,
            "total_bedrooms": (rooms * 0.2).round(),
            "population": (households * rng.uniform(1.5, 4, 300)).round(),
            "households": households,
            "median_income": income,
            "ocean_proximity": pd.Series([None] * 300, dtype="str"),
            "median_house_value": (income * 35_000 + rng.normal(0, 10_000, 300)).clip(15_000).round(),
        }
    )
    return frame[list(COLUMNS)]
